/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crowd THREADS MS [BLOCKED]: what an empty offloaded call takes while so many threads make one after the other, each
 * on a CPU of its own, and BLOCKED more wait in a read(2) for ever. Prints: ns for one call, calls of the slowest
 * thread, calls of the fastest.
 */
#include "micro.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { most_threads = 64, settle_ms = 20 };

static struct __attribute__((aligned(128))) {
    _Atomic long calls;
} counts[most_threads];
static atomic_int ready, stop;
static int pipe_ends[2];

static void* calls(void* arg)
{
    long mine = (long)arg;
    cpu_set_t cpu;

    CPU_ZERO(&cpu);
    CPU_SET(mine % sysconf(_SC_NPROCESSORS_ONLN), &cpu);
    sched_setaffinity(0, sizeof(cpu), &cpu);
    atomic_fetch_add(&ready, 1);
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        syscall(SYS_lseek, -1, 0, 0);
        atomic_store_explicit(&counts[mine].calls, counts[mine].calls + 1, memory_order_relaxed);
    }
    return NULL;
}

static void* blocks(void* arg)
{
    char c;

    atomic_fetch_add(&ready, 1);
    need(read(pipe_ends[0], &c, 1) == 0, "read");
    return arg;
}

static void pause_ms(long ms)
{
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&time, NULL);
}

int main(int argc, char** argv)
{
    int threads = argc > 2 ? atoi(argv[1]) : 0, blocked = argc > 3 ? atoi(argv[3]) : 0;
    long ms = argc > 2 ? atol(argv[2]) : 0, before[most_threads], sum = 0, slowest = 0, fastest = 0;
    pthread_t t[most_threads];

    if (threads < 1 || blocked < 0 || threads + blocked > most_threads || ms < 1) {
        fprintf(stderr, "usage: crowd THREADS MS [BLOCKED]\n");
        return 2;
    }
    need(pipe(pipe_ends) == 0, "pipe");
    for (long i = 0; i < threads + blocked; i++)
        need(pthread_create(&t[i], NULL, i < threads ? calls : blocks, (void*)i) == 0, "pthread_create");
    while (atomic_load(&ready) < threads + blocked)
        pause_ms(1);
    pause_ms(settle_ms);
    for (int i = 0; i < threads; i++)
        before[i] = counts[i].calls;
    double start = now();

    pause_ms(ms);
    double took = now() - start;

    for (int i = 0; i < threads; i++) {
        long did = counts[i].calls - before[i];

        sum += did;
        slowest = i == 0 || did < slowest ? did : slowest;
        fastest = did > fastest ? did : fastest;
    }
    atomic_store(&stop, 1);
    close(pipe_ends[1]);
    for (int i = 0; i < threads + blocked; i++)
        pthread_join(t[i], NULL);
    printf("%.1f %ld %ld\n", took / (double)sum, slowest, fastest);
    return 0;
}
