// SPDX-License-Identifier: BSD-2-Clause
// Memory that one thread moves while another takes the right to write away: wherever it goes, it has lost that right if
// mprotect(2) said so.
// covers: mremap, mprotect
#include "show.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { rounds = 3000, pages = 8 };

static char* place[2];
static pthread_barrier_t both;
static int is_over, refused;
static size_t size;

static void* protects(void* unused)
{
    for (;;) {
        pthread_barrier_wait(&both);
        if (is_over)
            return unused;
        refused = mprotect(place[0], size, PROT_READ) != 0;
        pthread_barrier_wait(&both);
    }
}

int main(void)
{
    pthread_t thread;
    int failed = 0, lost = 0, wrong = 0;
    const int zero = open("/dev/zero", O_RDONLY);

    size = (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
    char* room = mmap(NULL, 4 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    place[0] = room;
    place[1] = room + 2 * size;
    pthread_barrier_init(&both, NULL, 2);
    pthread_create(&thread, NULL, protects, NULL);
    for (int i = 0; i < rounds; i++) {
        if (mmap(place[0], size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
            place[0])
            return 9;
        memset(place[0], 'a', size);
        pthread_barrier_wait(&both);
        failed += mremap(place[0], size, size, MREMAP_MAYMOVE | MREMAP_FIXED, place[1]) != place[1];
        pthread_barrier_wait(&both);
        /* The last page, since the right goes from there or from nowhere. */
        const int is_writable = read(zero, place[1] + size - 1, 1) == 1;
        lost += is_writable && !refused;
        wrong += (!is_writable && refused) || place[1][0] != 'a';
    }
    is_over = 1;
    pthread_barrier_wait(&both);
    pthread_join(thread, NULL);
    printf("failed %d, lost %d, wrong %d\n", failed, lost, wrong);
    return 0;
}
