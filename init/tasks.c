// SPDX-License-Identifier: BSD-2-Clause
// Tasks: who one is, where one runs, a thread on each CPU, and a walk around all of them.
#define _GNU_SOURCE
#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

struct visitor {
    pthread_t thread;
    int cpu;
    int seen;
    int tid;
};
static struct visitor visitors[MAX_CPUS];

static void* visit(void* argument)
{
    struct visitor* v = argument;

    if (run_on(v->cpu) == 0)
        v->seen = current_cpu(NULL);
    v->tid = (int)syscall(SYS_gettid);
    return NULL;
}

static void show_mask(void)
{
    printf("  id %d, thread %d, CPU %d, mask", getpid(), (int)syscall(SYS_gettid), current_cpu(NULL));
    for (int i = 0, first; i < machine.num_cpus; i++) {
        first = i;
        while (i + 1 < machine.num_cpus && machine.cpu[i + 1] == machine.cpu[i] + 1)
            i++;
        printf(first == i ? " %d" : " %d-%d", machine.cpu[first], machine.cpu[i]);
    }
    printf("\n");
}

void test_tasks(void)
{
    int started = 0, right = 0, steps = 0;
    cpu_set_t all, now;

    sched_getaffinity(0, sizeof(all), &all);
    show_mask();
    CHECK("the process has an id", getpid() > 0);
    for (int i = 0; i < machine.num_cpus; i++) {
        visitors[i] = (struct visitor){.cpu = machine.cpu[i], .seen = -1};
        if (CHECK("a thread starts", pthread_create(&visitors[i].thread, NULL, visit, &visitors[i]) == 0))
            started = i + 1;
        else
            break;
    }
    for (int i = 0; i < started; i++) {
        pthread_join(visitors[i].thread, NULL);
        right += visitors[i].seen == visitors[i].cpu;
        for (int j = 0; j < i; j++)
            CHECK("threads have ids of their own", visitors[i].tid != visitors[j].tid);
    }
    printf("  threads: %d started, %d of them each on its own CPU\n", started, right);
    CHECK("each thread ran where it wanted", right == machine.num_cpus);

    for (int i = 0; i <= machine.num_cpus; i++) {
        const int cpu = machine.cpu[i % machine.num_cpus];

        if (!CHECK("a task can move", run_on(cpu) == 0))
            break;
        CHECK("it has moved", current_cpu(NULL) == cpu);
        sched_getaffinity(0, sizeof(now), &now);
        CHECK("its mask is what it asked for", CPU_COUNT(&now) == 1 && CPU_ISSET(cpu, &now));
        steps++;
    }
    printf("  migration: %d steps around all CPUs\n", steps);
    CPU_ZERO(&now);
    CHECK("an empty mask is refused", sched_setaffinity(0, sizeof(now), &now) != 0);
    CHECK("the whole mask comes back", sched_setaffinity(0, sizeof(all), &all) == 0);
}
