/* SPDX-License-Identifier: BSD-2-Clause */
/* memory_storm [SECONDS]: threads that map, protect, move and unmap, and let Linux read and write there. */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 3, SLOTS = 24 };

static volatile int stop;

static unsigned next(unsigned* state)
{
    *state = *state * 1103515245u + 12345u;
    return *state >> 8;
}

struct area {
    unsigned char* at;
    size_t pages;
    unsigned char stamp;
};

static void verify(const struct area* a)
{
    for (size_t i = 0; i < a->pages; i++)
        CHECK(a->at[i * 4096] == a->stamp && a->at[i * 4096 + 4095] == a->stamp);
}

static void* storm(void* arg)
{
    unsigned state = (unsigned)(size_t)arg * 7919u + 1;
    struct area areas[SLOTS] = {0};
    unsigned char byte;
    int fds[2];
    long rounds = 0;

    CHECK(pipe2(fds, O_NONBLOCK) == 0);
    while (!stop) {
        struct area* a = &areas[next(&state) % SLOTS];

        rounds++;
        if (!a->at) {
            a->pages = 1 + next(&state) % (next(&state) % 8 == 0 ? 1200 : 20);
            a->stamp = (unsigned char)next(&state);
            a->at = mmap(NULL, a->pages * 4096, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | (next(&state) % 2 ? MAP_NORESERVE : 0), -1, 0);
            CHECK(a->at != MAP_FAILED);
            CHECK(a->at[next(&state) % (a->pages * 4096)] == 0);
            memset(a->at, a->stamp, a->pages * 4096);
            continue;
        }
        verify(a);
        switch (next(&state) % 6) {
        case 0: /* Linux reads it */
            CHECK(write(fds[1], a->at, 1) == 1 && read(fds[0], &byte, 1) == 1 && byte == a->stamp);
            break;
        case 1: /* Linux writes it */
            CHECK(write(fds[1], &a->stamp, 1) == 1);
            CHECK(read(fds[0], a->at + (a->pages - 1) * 4096, 1) == 1);
            break;
        case 2: /* downgrade: Linux must not write any more */
            CHECK(mprotect(a->at, a->pages * 4096, PROT_READ) == 0);
            CHECK(write(fds[1], &a->stamp, 1) == 1);
            CHECK_ERRNO(read(fds[0], a->at, 1), EFAULT);
            CHECK(read(fds[0], &byte, 1) == 1);
            CHECK(mprotect(a->at, a->pages * 4096, PROT_READ | PROT_WRITE) == 0);
            break;
        case 3: /* move and grow */
        {
            unsigned char* at = mremap(a->at, a->pages * 4096, (a->pages + 1) * 4096, MREMAP_MAYMOVE);

            CHECK(at != MAP_FAILED);
            memset(at + a->pages * 4096, a->stamp, 4096);
            a->at = at;
            a->pages++;
            break;
        }
        case 4: /* drop the contents */
            CHECK(madvise(a->at, a->pages * 4096, MADV_DONTNEED) == 0);
            CHECK(a->at[0] == 0);
            memset(a->at, a->stamp, a->pages * 4096);
            break;
        default:
            CHECK(munmap(a->at, a->pages * 4096) == 0);
            a->at = NULL;
        }
    }
    for (int i = 0; i < SLOTS; i++)
        if (areas[i].at)
            verify(&areas[i]);
    return (void*)rounds;
}

int main(int argc, char** argv)
{
    pthread_t threads[THREADS];
    struct timespec time = {argc > 1 ? atoi(argv[1]) : 1, 0};
    long rounds = 0;

    for (size_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, storm, (void*)i) == 0);
    nanosleep(&time, NULL);
    stop = 1;
    for (int i = 0; i < THREADS; i++) {
        void* result;

        CHECK(pthread_join(threads[i], &result) == 0);
        rounds += (long)result;
    }
    printf("ok memory_storm %ld\n", rounds);
    return 0;
}
