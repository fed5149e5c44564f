// SPDX-License-Identifier: BSD-2-Clause
// Two threads that mremap each what the other moves onto: one goes first, the other brings it back.
// covers: mremap
#include "show.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { rounds = 2000, pages = 16 };

static char* place[2];
static pthread_barrier_t both;
static int moved[2], round_now;
static size_t size;

static void* moves(void* which)
{
    const long me = (long)which;
    for (;;) {
        pthread_barrier_wait(&both);
        if (round_now == rounds)
            return NULL;
        void* at = mremap(place[me], size, size, MREMAP_MAYMOVE | MREMAP_FIXED, place[!me]);
        moved[me] = at == place[!me] ? 0 : errno;
        pthread_barrier_wait(&both);
    }
}

static int is_mapped(const char* at)
{
    unsigned char in[pages];
    return mincore((void*)at, size, in) == 0;
}

static int holds(const char* at, int c)
{
    for (size_t i = 0; i < size; i += 512)
        if (at[i] != c)
            return 0;
    return 1;
}

int main(void)
{
    pthread_t thread[2];
    int failed = 0, wrong = 0;

    size = (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
    char* room = mmap(NULL, 4 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    place[0] = room;
    place[1] = room + 2 * size;
    pthread_barrier_init(&both, NULL, 3);
    for (long i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, moves, (void*)i);
    for (; round_now < rounds; round_now++) {
        for (int i = 0; i < 2; i++) {
            if (mmap(place[i], size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                     0) != place[i])
                return 9;
            memset(place[i], 'a' + i, size);
        }
        pthread_barrier_wait(&both);
        pthread_barrier_wait(&both);
        failed += moved[0] != 0 || moved[1] != 0;
        /* Whoever went first has it back. */
        const int first = is_mapped(place[0]) ? 0 : 1;
        wrong += is_mapped(place[!first]) || !is_mapped(place[first]) || !holds(place[first], 'a' + first);
    }
    pthread_barrier_wait(&both);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    printf("failed %d, wrong %d\n", failed, wrong);
    return 0;
}
