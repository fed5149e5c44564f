// SPDX-License-Identifier: BSD-2-Clause
// A thread stores to memory that another maps anew, and to memory that another moves: it never finds the place empty
// in the first case, and in the second all that it stored has come along.
// covers: mmap, mremap
#include "show.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { bytes = 2 << 20, rounds = 400 };

static char *place, *target;
static sigjmp_buf back;
static atomic_int open_round, faults, stop;
static atomic_long stored;

static void on_fault(int signal)
{
    (void)signal;
    siglongjmp(back, 1);
}

/* Until the place is gone, and again when it is there again. */
static void* stores(void* unused)
{
    static volatile int seen;
    while (!stop) {
        while (open_round == seen && !stop)
            ;
        seen = open_round;
        if (sigsetjmp(back, 1) == 0) {
            for (long n = 1; !stop; n++) {
                *(volatile long*)(place + bytes / 2) = n;
                stored = n;
            }
        } else {
            faults++;
        }
    }
    return unused;
}

static void make(char* at)
{
    if (mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != at)
        _exit(9);
}

int main(void)
{
    pthread_t other;
    int lost = 0, not_moved = 0;

    signal(SIGSEGV, on_fault);
    place = mmap(NULL, 4l * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    place += -(unsigned long)place % bytes;
    target = place + 2 * bytes;
    make(place);
    open_round = 1;
    pthread_create(&other, NULL, stores, NULL);
    for (int i = 0; i < 5 * rounds; i++)
        make(place);
    printf("mapped anew: faults %d\n", faults);
    stop = 1;
    pthread_join(other, NULL);

    stop = faults = 0;
    pthread_create(&other, NULL, stores, NULL);
    for (int i = 1; i <= rounds; i++) {
        make(place);
        make(target);
        stored = 0;
        open_round++;
        for (volatile int j = 0; j < 97 * (i % 32); j++)
            ;
        if (mremap(place, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, target) != target)
            not_moved++;
        while (faults < i)
            ;
        lost += *(volatile long*)(target + bytes / 2) != stored;
    }
    stop = 1;
    pthread_join(other, NULL);
    printf("moved: lost %d, not moved %d\n", lost, not_moved);
    return 0;
}
