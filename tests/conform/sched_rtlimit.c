// SPDX-License-Identifier: BSD-2-Clause
// RLIMIT_RTPRIO lets an ordinary user have real-time priorities up to it.
// covers: sched_setscheduler
#include "show.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static void try(int policy, int priority)
{
    struct sched_param p = {priority};
    printf("set %x %d: ", policy, priority);
    SHOW(sched_setscheduler(0, policy, &p));
}

int main(void)
{
    struct rlimit five = {5, 5};
    SHOW(setrlimit(RLIMIT_RTPRIO, &five));
    SHOW(syscall(SYS_setresuid, 65534, 65534, 65534));
    try(SCHED_FIFO, 6);
    try(SCHED_FIFO, 5);
    try(SCHED_RR, 5);
    try(SCHED_RR, 2);
    try(SCHED_RR, 6);
    try(SCHED_RR | SCHED_RESET_ON_FORK, 2);
    try(SCHED_RR, 2);
    try(SCHED_OTHER | SCHED_RESET_ON_FORK, 0);
    try(SCHED_OTHER, 0);
    return 0;
}
