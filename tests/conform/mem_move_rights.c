// SPDX-License-Identifier: BSD-2-Clause
// Memory that one thread moves while another changes its rights: wherever it goes, it has those that mprotect(2) gave
// it, if that found it.
// covers: mremap, mprotect
#include "show.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { pages = 8 };

static char* place[2];
static pthread_barrier_t both;
static int is_over, refused, new_rights;
static size_t size;

static void* protects(void* unused)
{
    for (;;) {
        pthread_barrier_wait(&both);
        if (is_over)
            return unused;
        refused = mprotect(place[0], size, new_rights) != 0;
        pthread_barrier_wait(&both);
    }
}

static void run(const char* name, int rounds, int type, int old_rights)
{
    pthread_t thread;
    int failed = 0, wrong = 0;
    const int zero = open("/dev/zero", O_RDONLY);

    is_over = 0;
    new_rights = old_rights ^ PROT_WRITE;
    pthread_create(&thread, NULL, protects, NULL);
    for (int i = 0; i < rounds; i++) {
        if (mmap(place[0], size, PROT_READ | PROT_WRITE, type | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != place[0])
            _exit(9);
        memset(place[0], 'a', size);
        mprotect(place[0], size, old_rights);
        pthread_barrier_wait(&both);
        failed += mremap(place[0], size, size, MREMAP_MAYMOVE | MREMAP_FIXED, place[1]) != place[1];
        pthread_barrier_wait(&both);
        const int rights = refused ? old_rights : new_rights;
        /* Linux as it writes, and the program. */
        wrong +=
            (read(zero, place[1] + size - 1, 1) == 1) != ((rights & PROT_WRITE) != 0) || place[1][0] != 'a';
        if ((rights & PROT_WRITE) != 0)
            place[1][0] = 'b';
    }
    is_over = 1;
    pthread_barrier_wait(&both);
    pthread_join(thread, NULL);
    close(zero);
    printf("%s: failed %d, wrong %d\n", name, failed, wrong);
}

int main(void)
{
    size = (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
    char* room = mmap(NULL, 4 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    place[0] = room;
    place[1] = room + 2 * size;
    pthread_barrier_init(&both, NULL, 2);
    run("private, taken away", 400, MAP_PRIVATE, PROT_READ | PROT_WRITE);
    run("private, given", 400, MAP_PRIVATE, PROT_READ);
    run("shared, taken away", 150, MAP_SHARED, PROT_READ | PROT_WRITE);
    run("shared, given", 150, MAP_SHARED, PROT_READ);
    return 0;
}
