// SPDX-License-Identifier: BSD-2-Clause
// membarrier: commands, registration, errors, and that it does fence.
// covers: membarrier
#include "show.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

static long membarrier(int command, unsigned flags, int cpu)
{
    return syscall(SYS_membarrier, command, flags, cpu);
}

// Dekker's entry with the fence on one side only: both must never get in.
static volatile int fast, slow, go, done;
static long both;

static void* fast_side(void* unused)
{
    for (int i = 0; i < 300; i++) {
        while (go == i)
            if (done)
                return unused;
        fast = 1;
        __asm__ volatile("" ::: "memory");
        const int saw = slow;
        __atomic_store_n(&both, __atomic_load_n(&both, __ATOMIC_RELAXED) + (saw == 0), __ATOMIC_SEQ_CST);
        __atomic_store_n(&done, 2, __ATOMIC_SEQ_CST);
        while (__atomic_load_n(&done, __ATOMIC_SEQ_CST) == 2)
            ;
    }
    return unused;
}

int main(void)
{
    SHOW(membarrier(0, 0, 0) & ~1); // nohz_full takes GLOBAL away
    SHOW(membarrier(0, 1, 0));
    SHOW(membarrier(1, 0, 0));
    SHOW(membarrier(2, 0, 0));
    SHOW(membarrier(4, 0, 0));
    SHOW(membarrier(2, 0, 0));
    SHOW(membarrier(8, 0, 0));
    SHOW(membarrier(16, 0, 0));
    SHOW(membarrier(8, 0, 0));
    SHOW(membarrier(8, 1, 0));
    SHOW(membarrier(32, 0, 0));
    SHOW(membarrier(64, 0, 0));
    SHOW(membarrier(32, 0, 0));
    SHOW(membarrier(128, 0, 0));
    SHOW(membarrier(256, 0, 0));
    SHOW(membarrier(128, 0, 0));
    SHOW(membarrier(128, 1, 0));
    SHOW(membarrier(128, 1, 4000));
    SHOW(membarrier(128, 2, 0));
    SHOW(membarrier(3, 0, 0));
    SHOW(membarrier(512, 0, 0));
    SHOW(membarrier(-1, 0, 0));

    pthread_t t;
    int clashes = 0;
    pthread_create(&t, NULL, fast_side, NULL);
    for (int i = 0; i < 300; i++) {
        fast = slow = 0;
        both = 0;
        __atomic_store_n(&go, i + 1, __ATOMIC_SEQ_CST);
        slow = 1;
        membarrier(8, 0, 0);
        const int saw = fast;
        while (__atomic_load_n(&done, __ATOMIC_SEQ_CST) != 2)
            ;
        clashes += saw == 0 && both == 1;
        __atomic_store_n(&done, 0, __ATOMIC_SEQ_CST);
    }
    pthread_join(t, NULL);
    printf("clashes %d\n", clashes);
    return 0;
}
