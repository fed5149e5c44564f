// SPDX-License-Identifier: BSD-2-Clause
// Restartable sequences: registration, the CPU's number, and sections that end by preemption, a signal, a fence.
// covers: rseq, membarrier
#include "show.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

static struct rseq* mine(void)
{
    return (struct rseq*)((char*)__builtin_thread_pointer() + __rseq_offset);
}

// An endless loop in a critical section: only the abort handler ends it.
static void until_aborted(void)
{
    struct rseq* area = mine();
    __asm__ volatile("leaq 9f(%%rip), %%rax\n\t"
                     "movq %%rax, %0\n"
                     "1: pause; jmp 1b\n"
                     "2:\n\t"
                     ".pushsection .data.rel\n\t"
                     ".balign 32\n"
                     "9: .long 0, 0\n\t"
                     ".quad 1b, 2b - 1b, 4f\n\t"
                     ".popsection\n\t"
                     "jmp 5f\n\t"
                     ".byte 0x0f, 0xb9, 0x3d\n\t"
                     ".long 0x53053053\n"
                     "4:\n"
                     "5:\n"
                     : "=m"(area->rseq_cs)
                     :
                     : "rax", "memory");
}

static volatile int stop, alarms;

static void* spin(void* unused)
{
    while (!stop)
        ;
    return unused;
}

static void on_alarm(int signo)
{
    alarms += signo == SIGALRM;
}

static volatile int entered;

static void* fencer(void* unused)
{
    while (!entered)
        usleep(1000);
    while (entered) {
        usleep(20000);
        syscall(SYS_membarrier, 128, 0, 0);
    }
    return unused;
}

int main(void)
{
    static struct rseq own __attribute__((aligned(32)));
    struct rseq* area = mine();
    printf("size %u flags %u section %lx\n", __rseq_size, __rseq_flags, (long)area->rseq_cs);
    printf("cpu is right: %d %d\n", area->cpu_id == (unsigned)sched_getcpu(),
           area->cpu_id == area->cpu_id_start);
    SHOW(syscall(SYS_rseq, area, 32, 0, 0x53053053));
    SHOW(syscall(SYS_rseq, area, 32, 0, 1));
    SHOW(syscall(SYS_rseq, &own, 32, 0, 0x53053053));
    SHOW(syscall(SYS_rseq, area, 16, 1, 0x53053053));
    SHOW(syscall(SYS_rseq, area, 32, 1, 1));
    SHOW(syscall(SYS_rseq, area, 32, 2, 0x53053053));
    SHOW(syscall(SYS_rseq, area, 32, 1, 0x53053053));
    printf("unregistered: %d %d\n", area->cpu_id, area->cpu_id_start);
    SHOW(syscall(SYS_rseq, area, 32, 1, 0x53053053));
    SHOW(syscall(SYS_rseq, (char*)area + 4, 32, 0, 0x53053053));
    SHOW(syscall(SYS_rseq, (void*)0xffff800000000000, 32, 0, 0x53053053));
    SHOW(syscall(SYS_rseq, area, 32, 0, 0x53053053));
    printf("registered: %d\n", area->cpu_id == (unsigned)sched_getcpu());

    signal(SIGALRM, on_alarm);
    struct itimerval timer = {{0, 0}, {0, 50000}};
    setitimer(ITIMER_REAL, &timer, NULL);
    while (alarms == 0) // a preemption may come first
        until_aborted();
    printf("by a signal, section %lx, alarms %d\n", (long)area->rseq_cs, alarms);

    pthread_t t;
    cpu_set_t all, one;
    sched_getaffinity(0, sizeof(all), &all);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &all))
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        sched_setaffinity(0, sizeof(one), &one);
        if (area->cpu_id != (unsigned)cpu || sched_getcpu() != cpu)
            printf("on %d: %d %d\n", cpu, (int)area->cpu_id, sched_getcpu());
    }
    pthread_create(&t, NULL, spin, NULL); // on the same CPU
    until_aborted();
    stop = 1;
    pthread_join(t, NULL);
    printf("by preemption\n");
    sched_setaffinity(0, sizeof(all), &all);

    SHOW(syscall(SYS_membarrier, 128, 0, 0));
    SHOW(syscall(SYS_membarrier, 256, 0, 0));
    pthread_create(&t, NULL, fencer, NULL);
    entered = 1;
    until_aborted();
    entered = 0;
    pthread_join(t, NULL);
    printf("by a fence\n");
    return 0;
}
