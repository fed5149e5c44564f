// SPDX-License-Identifier: BSD-2-Clause
// futex_waitv: errors, timeouts, who was woken.
// covers: futex_waitv
#include "show.h"

#include <linux/futex.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

struct waitv {
    uint64_t val, uaddr;
    uint32_t flags, reserved;
};

static uint32_t words[128];
static struct waitv v[129];

static long waitv(unsigned n, unsigned flags, struct timespec* t, int clock)
{
    return syscall(SYS_futex_waitv, v, n, flags, t, clock);
}

static void* waker(void* which)
{
    usleep(100000);
    syscall(SYS_futex, &words[(uintptr_t)which], FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
    return NULL;
}

int main(void)
{
    struct timespec past = {1, 0}, bad = {0, -1};
    for (int i = 0; i < 129; i++)
        v[i] = (struct waitv){0, (uintptr_t)&words[i % 128], 2 | FUTEX_PRIVATE_FLAG, 0};
    SHOW(waitv(0, 0, NULL, 0));
    SHOW(waitv(129, 0, NULL, 0));
    SHOW(waitv(2, 1, NULL, 0));
    SHOW(waitv(2, 0, &past, CLOCK_MONOTONIC));
    SHOW(waitv(2, 0, &past, CLOCK_REALTIME));
    SHOW(waitv(2, 0, &past, CLOCK_BOOTTIME));
    SHOW(waitv(2, 0, &bad, CLOCK_MONOTONIC));
    SHOW(waitv(128, 0, &past, CLOCK_MONOTONIC));
    SHOW(syscall(SYS_futex_waitv, NULL, 1, 0, NULL, 0));
    SHOW(syscall(SYS_futex_waitv, (void*)16, 1, 0, NULL, 0));
    v[1].flags = 0;
    SHOW(waitv(2, 0, NULL, 0));
    v[1].flags = 2 | 4;
    SHOW(waitv(2, 0, NULL, 0));
    v[1].flags = 2 | FUTEX_PRIVATE_FLAG;
    v[1].reserved = 1;
    SHOW(waitv(2, 0, NULL, 0));
    v[1].reserved = 0;
    v[1].val = 1;
    SHOW(waitv(2, 0, NULL, 0));
    v[1].val = 0;
    v[1].uaddr++;
    SHOW(waitv(2, 0, NULL, 0));
    v[1].uaddr = 0;
    SHOW(waitv(2, 0, NULL, 0));
    v[1].uaddr = (uintptr_t)&words[1];
    for (uintptr_t i = 0; i < 128; i += 42) {
        pthread_t t;
        MUST(pthread_create(&t, NULL, waker, (void*)i) == 0);
        SHOW(waitv(128, 0, NULL, 0));
        pthread_join(t, NULL);
    }
    return 0;
}
