// SPDX-License-Identifier: BSD-2-Clause
// Threads that end as soon as they are woken, by whichever of a wake, a requeue, a time-out or a signal comes first.
// covers: futex futex_waitv exit tgkill
#include "show.h"

#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

enum { slots = 4, each = 100 };

static uint32_t words[2];
static atomic_int ended, living = slots;
static atomic_int tids[slots];

struct waitv {
    uint64_t val, uaddr;
    uint32_t flags, reserved;
};

static void nothing(int s)
{
    (void)s;
}

static void* waits(void* arg)
{
    const uintptr_t n = (uintptr_t)arg;
    const struct timespec soon = {0, 1000 * (long)(1 + n % 300)};
    const struct waitv both[] = {{0, (uintptr_t)&words[0], 2 | FUTEX_PRIVATE_FLAG, 0},
                                 {0, (uintptr_t)&words[1], 2 | FUTEX_PRIVATE_FLAG, 0}};

    tids[n % slots] = gettid();
    if (n % 3 == 0)
        syscall(SYS_futex, &words[0], FUTEX_WAIT_PRIVATE, 0, n % 2 ? &soon : NULL, NULL, 0);
    else if (n % 3 == 1)
        syscall(SYS_futex, &words[1], FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    else
        syscall(SYS_futex_waitv, both, 2, 0, NULL, 0);
    tids[n % slots] = 0;
    atomic_fetch_add(&ended, 1);
    return NULL;
}

static void* makes(void* arg)
{
    for (int i = 0; i < each; i++) {
        pthread_t t;

        if (pthread_create(&t, NULL, waits, (void*)((uintptr_t)arg + slots * (uintptr_t)i)) != 0)
            abort();
        pthread_join(t, NULL);
    }
    atomic_fetch_sub(&living, 1);
    return NULL;
}

static void* wakes(void* arg)
{
    for (unsigned i = 0; living != 0; i++) {
        if (arg != NULL)
            syscall(SYS_futex, &words[0], FUTEX_REQUEUE_PRIVATE, 1, 8, &words[1], 0);
        else
            syscall(SYS_futex, &words[0], FUTEX_WAKE_PRIVATE, 8, NULL, NULL, 0);
        syscall(SYS_futex, &words[1], FUTEX_WAKE_PRIVATE, 8, NULL, NULL, 0);
        if (i % 8 == 0 && tids[i / 8 % slots] != 0)
            syscall(SYS_tgkill, getpid(), tids[i / 8 % slots], SIGUSR1);
        sched_yield();
    }
    return NULL;
}

int main(void)
{
    pthread_t makers[slots], wakers[2];

    signal(SIGUSR1, nothing);
    for (uintptr_t i = 0; i < slots; i++)
        pthread_create(&makers[i], NULL, makes, (void*)i);
    for (uintptr_t i = 0; i < 2; i++)
        pthread_create(&wakers[i], NULL, wakes, (void*)i);
    for (int i = 0; i < slots; i++)
        pthread_join(makers[i], NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(wakers[i], NULL);
    SHOW(ended);
    SHOW(syscall(SYS_futex, &words[0], FUTEX_WAKE_PRIVATE, 8, NULL, NULL, 0));
    return 0;
}
