// SPDX-License-Identifier: BSD-2-Clause
// Two threads that move the break at once: each gets what it asked for, in one order or the other.
// covers: brk
#include "show.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { rounds = 3000, page = 4096 };

static pthread_barrier_t both;
static int is_over;
static unsigned long base, got[2];

static unsigned long brk_to(unsigned long to)
{
    return (unsigned long)syscall(SYS_brk, to);
}

static unsigned long wanted(int who, int round)
{
    return base + (unsigned long)page * (unsigned long)(who == 0 ? 1 + round % 7 : 8 + round % 5);
}

static void* moves(void* unused)
{
    for (int round = 0;; round++) {
        pthread_barrier_wait(&both);
        if (is_over)
            return unused;
        got[1] = brk_to(wanted(1, round));
        pthread_barrier_wait(&both);
    }
}

/* How many pages there are from the base on. */
static unsigned long count(void)
{
    unsigned char in[32];
    unsigned long pages = 0;
    while (pages < 32 && mincore((void*)(base + pages * page), page, in) == 0)
        pages++;
    return pages;
}

int main(void)
{
    pthread_t thread;
    int refused = 0, torn = 0;

    setvbuf(stdout, NULL, _IONBF, 0);
    pthread_barrier_init(&both, NULL, 2);
    pthread_create(&thread, NULL, moves, NULL);
    base = (brk_to(0) + page - 1) / page * page;
    for (int round = 0; round < rounds; round++) {
        brk_to(base);
        pthread_barrier_wait(&both);
        got[0] = brk_to(wanted(0, round));
        pthread_barrier_wait(&both);
        refused += got[0] != wanted(0, round) || got[1] != wanted(1, round);
        torn += brk_to(0) != base + count() * page;
    }
    is_over = 1;
    pthread_barrier_wait(&both);
    pthread_join(thread, NULL);
    printf("refused %d, torn %d\n", refused, torn);
    return 0;
}
