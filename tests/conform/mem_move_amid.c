// SPDX-License-Identifier: BSD-2-Clause
// mremap while another thread unmaps a part of what moves that has no page: all of it moves, or nothing does.
// covers: mremap, munmap, mmap
#include "show.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { large = 2 << 20, rounds = 500 };

static char* area; /* at first without a page, then what is looked for, then the place where it goes */
static atomic_int stop, refused;

static void make(char* at, size_t bytes)
{
    if (mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != at)
        _exit(9);
}

static void* unmaps(void* unused)
{
    while (!stop) {
        if (mmap(area, large, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != area)
            refused++;
        munmap(area, large);
    }
    return unused;
}

int main(void)
{
    pthread_t other;
    int moved = 0, lost = 0, left_over = 0, wrong = 0;

    area = mmap(NULL, 5l * large, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    area += -(unsigned long)area % large;
    char* const target = area + 2 * large;
    pthread_create(&other, NULL, unmaps, NULL);
    for (int i = 1; i <= rounds; i++) {
        make(area + large, large);
        make(target, 2 * large);
        *(volatile int*)(area + large) = i;
        char* at = mremap(area, 2 * large, 2 * large, MREMAP_MAYMOVE | MREMAP_FIXED, target);
        if (at == target) {
            moved++;
            lost += *(volatile int*)(target + large) != i;
        } else if (at == MAP_FAILED && errno == EFAULT) {
            lost += *(volatile int*)(area + large) != i;
            make(target, 2 * large);
            left_over += *(volatile int*)(target + large) != 0;
        } else {
            wrong++;
        }
    }
    stop = 1;
    pthread_join(other, NULL);
    printf("lost %d, left over %d, wrong %d, refused %d, some moved %d\n", lost, left_over, wrong, refused,
           moved > 0);
    return 0;
}
