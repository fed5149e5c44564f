// SPDX-License-Identifier: BSD-2-Clause
// Policies, priorities and nice values: what is accepted, what is refused, what is told.
// covers: sched_setscheduler, sched_getscheduler, sched_setparam, sched_getparam, sched_setattr, sched_getattr
// covers: sched_rr_get_interval, setpriority, getpriority, sched_get_priority_max, sched_get_priority_min
#include "show.h"

#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef SCHED_DEADLINE
#define SCHED_DEADLINE 6
#endif

struct attr {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t util_min, util_max;
    uint32_t more[8];
};

static void now(const char* what)
{
    struct sched_param p = {77};
    struct attr a = {0};
    const int policy = sched_getscheduler(0);
    sched_getparam(0, &p);
    const long r = syscall(SYS_sched_getattr, 0, &a, 56, 0);
    printf("%s: policy %x priority %d; attr %ld: %u %u %lx %d %u; nice %d\n", what, policy, p.sched_priority,
           r, a.size, a.policy, (long)a.flags, a.nice, a.priority, getpriority(PRIO_PROCESS, 0));
}

static void try(int policy, int priority)
{
    struct sched_param p = {priority};
    printf("set %x %d: ", policy, priority);
    SHOW(sched_setscheduler(0, policy, &p));
    now("  is");
}

static void* child(void* unused)
{
    now("thread");
    return unused;
}

static void in_thread(void)
{
    pthread_t t;
    pthread_create(&t, NULL, child, NULL);
    pthread_join(t, NULL);
}

static void attrs(void)
{
    struct attr a = {.size = 48, .policy = SCHED_BATCH, .nice = 5};
    SHOW(syscall(SYS_sched_setattr, 0, &a, 0));
    now("batch");
    a = (struct attr){.size = 56, .policy = SCHED_OTHER, .nice = -3};
    SHOW(syscall(SYS_sched_setattr, 0, &a, 0));
    now("other");
    a = (struct attr){.size = 0, .policy = SCHED_OTHER, .nice = 100};
    SHOW(syscall(SYS_sched_setattr, 0, &a, 0));
    now("nicest");
    a = (struct attr){.size = 40, .policy = SCHED_OTHER};
    SHOW(syscall(SYS_sched_setattr, 0, &a, 0));
    printf("size is %u\n", a.size);
    a = (struct attr){.size = sizeof(a), .policy = SCHED_OTHER};
    SHOW(syscall(SYS_sched_setattr, 0, &a, 0));
    a.more[3] = 1;
    SHOW(syscall(SYS_sched_setattr, 0, &a, 0));
    a = (struct attr){.size = 48, .policy = SCHED_FIFO, .priority = 0};
    SHOW(syscall(SYS_sched_setattr, 0, &a, 0));
    a = (struct attr){.size = 48, .policy = 9};
    SHOW(syscall(SYS_sched_setattr, 0, &a, 0));
    a = (struct attr){.size = 48, .policy = SCHED_OTHER, .flags = 1 << 20};
    SHOW(syscall(SYS_sched_setattr, 0, &a, 0));
    SHOW(syscall(SYS_sched_setattr, 0, NULL, 0));
    SHOW(syscall(SYS_sched_setattr, 0, &a, 1));
    SHOW(syscall(SYS_sched_setattr, -1, &a, 0));
    SHOW(syscall(SYS_sched_setattr, 0, (void*)16, 0));
    SHOW(syscall(SYS_sched_getattr, 0, &a, 40, 0));
    SHOW(syscall(SYS_sched_getattr, 0, &a, 5000, 0));
    SHOW(syscall(SYS_sched_getattr, 0, &a, 56, 1));
    SHOW(syscall(SYS_sched_getattr, 0, NULL, 56, 0));
}

int main(void)
{
    struct sched_param p = {0};
    struct timespec t;
    now("first");
    try(SCHED_OTHER, 0);
    try(SCHED_OTHER, 1);
    try(SCHED_BATCH, 0);
    try(SCHED_IDLE, 0);
    try(SCHED_FIFO, 0);
    try(SCHED_FIFO, 100);
    try(SCHED_FIFO, 50);
    in_thread();
    SHOW((sched_rr_get_interval(0, &t), t.tv_nsec));
    try(SCHED_RR, 99);
    SHOW((sched_rr_get_interval(0, &t), t.tv_nsec));
    p.sched_priority = 3;
    SHOW(sched_setparam(0, &p));
    now("setparam");
    p.sched_priority = 0;
    SHOW(sched_setparam(0, &p));
    try(SCHED_RR | SCHED_RESET_ON_FORK, 7);
    in_thread();
    try(SCHED_OTHER | SCHED_RESET_ON_FORK, 0);
    try(SCHED_OTHER, 0);
    try(4, 0);
    try(77, 0);
    SHOW(sched_setscheduler(-1, SCHED_OTHER, &p));
    SHOW(sched_setscheduler(0, -1, &p));
    SHOW(sched_setscheduler(0, SCHED_OTHER, NULL));
    SHOW(sched_setscheduler(0, SCHED_OTHER, (void*)16));
    SHOW(sched_setscheduler(0x3fffff, SCHED_OTHER, &p));
    SHOW(sched_getscheduler(0x3fffff));
    SHOW(sched_getscheduler(-1));
    SHOW(sched_getparam(0, NULL));
    SHOW(sched_getparam(-1, &p));
    SHOW(sched_rr_get_interval(-1, &t));
    attrs();
    SHOW(setpriority(PRIO_PROCESS, 0, 7));
    now("nice 7");
    in_thread();
    SHOW(setpriority(PRIO_PROCESS, 0, -50));
    now("nice -50");
    SHOW(setpriority(PRIO_PROCESS, 0, 0));
    SHOW(setpriority(9, 0, 0));
    SHOW(setpriority(PRIO_PROCESS, 0x3fffff, 0));
    SHOW(nice(4));
    for (int i = 0; i < 8; i++)
        printf("%d: %d %d\n", i, sched_get_priority_min(i), sched_get_priority_max(i));
    // As an ordinary user.
    struct rlimit none = {0, 0}, five = {5, 5};
    SHOW(setrlimit(RLIMIT_RTPRIO, &none));
    SHOW(syscall(SYS_setresuid, 65534, 65534, 65534));
    try(SCHED_FIFO, 1);
    try(SCHED_BATCH, 0);
    try(SCHED_IDLE, 0);
    try(SCHED_OTHER, 0);
    SHOW(setpriority(PRIO_PROCESS, 0, 3));
    SHOW(setpriority(PRIO_PROCESS, 0, 9));
    SHOW(setrlimit(RLIMIT_RTPRIO, &five));
    return 0;
}
