/* SPDX-License-Identifier: BSD-2-Clause */
/* leaf_storm [SECONDS [MIB [FILE]]]: one area that begins as leaves as large as fit (1 GiB, if MIB is 1024 and there
 * is that much) and is taken apart under those who use it. Each thread changes a slice of its own in every way there
 * is; others let Linux look at, pin and write to all of it, fork, and look themselves. A page holds its stamp or
 * nothing (it was discarded), never another page's. Those who ask from outside find pid and place in FILE (asker). */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { page = 4096, changers = 3, lookers = 2 };

static unsigned char* area;
static size_t pages_there;
static atomic_int stop;
static atomic_long changes, looks, refusals, forks;
static long forks_ms, longest_fork_ms;

static long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static unsigned next(unsigned* state)
{
    *state = *state * 1103515245u + 12345u;
    return *state >> 8;
}

static unsigned stamp_of(const unsigned char* at)
{
    return 1 + (unsigned)((uintptr_t)(at - area) / page % 65521);
}

/* What was read of the page at that place. */
static void verify(const unsigned char* at, unsigned found)
{
    CHECK(found == stamp_of(at) || found == 0);
}

static void stamp(unsigned char* at, size_t count)
{
    for (size_t i = 0; i < count; i++, at += page) {
        const unsigned word = stamp_of(at);
        memcpy(at, &word, sizeof(word));
    }
}

/* One change to a piece of its slice; afterwards it may be written again, and holds stamps or zeros. */
static void change(unsigned* state, unsigned char* slice, size_t count)
{
    size_t n = 1 + next(state) % (next(state) % 16 == 0 ? count : 12), first = next(state) % (count - n + 1);
    unsigned char* at = slice + first * page;
    const size_t bytes = n * page;
    unsigned char* elsewhere;

    switch (next(state) % 6) {
    case 0:
        CHECK(mprotect(at, bytes, PROT_READ) == 0);
        CHECK(mprotect(at, bytes, PROT_READ | PROT_WRITE) == 0);
        break;
    case 1:
        CHECK(mprotect(at, bytes, PROT_NONE) == 0);
        CHECK(mprotect(at, bytes, PROT_READ | PROT_WRITE) == 0);
        break;
    case 2:
        CHECK(madvise(at, bytes, MADV_DONTNEED) == 0);
        break;
    case 3:
        CHECK(mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at);
        break;
    case 4: /* away and back */
        elsewhere = mremap(at, bytes, bytes, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
        CHECK(elsewhere != MAP_FAILED);
        CHECK(mremap(elsewhere, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, at) == at);
        break;
    default:
        stamp(at, n < 64 ? n : 64);
    }
    if (next(state) % 4 == 0)
        stamp(at, n < 64 ? n : 64);
    changes++;
}

static void* changes_its_slice(void* arg)
{
    unsigned state = 77u + (unsigned)(uintptr_t)arg;
    const size_t count = pages_there / changers;
    unsigned char* slice = area + (size_t)(uintptr_t)arg * count * page;

    while (!stop)
        change(&state, slice, count);
    return NULL;
}

/* Linux reads a page through the unified address space, or takes it into a pipe as it is. */
static void* has_linux_look(void* arg)
{
    unsigned state = 7u + (unsigned)(uintptr_t)arg;
    int fds[2];

    CHECK(pipe(fds) == 0);
    while (!stop) {
        unsigned char* at = area + (size_t)(next(&state) * 8191u + next(&state)) % pages_there * page;
        struct iovec piece = {at, sizeof(unsigned)};
        unsigned found = 0;
        const ssize_t sent =
            next(&state) % 4 == 0 ? vmsplice(fds[1], &piece, 1, 0) : write(fds[1], at, sizeof(found));

        looks++;
        if (sent != sizeof(found)) {
            CHECK(sent == -1 && errno == EFAULT); /* just then nobody might read it */
            refusals++;
            continue;
        }
        CHECK(read(fds[0], &found, sizeof(found)) == sizeof(found));
        verify(at, found);
    }
    return NULL;
}

static void* forks_now_and_then(void* arg)
{
    unsigned state = 3;

    (void)arg;
    while (!stop) {
        int fds[2], status = 0;
        pid_t pid;

        CHECK(pipe(fds) == 0);
        const long before = now_ms();
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) { /* its memory stands still: what can be read is right */
            for (int i = 0; i < 20; i++) {
                unsigned char* at = area + (size_t)(next(&state) * 8191u + i) % pages_there * page;
                unsigned found;

                if (write(fds[1], at, sizeof(found)) == sizeof(found)) {
                    CHECK(read(fds[0], &found, sizeof(found)) == sizeof(found));
                    if (found != 0xeeeeeeee) /* it was here already */
                        verify(at, found);
                    if (i % 3 == 0 && mprotect(at, page, PROT_READ | PROT_WRITE) == 0)
                        memset(at, 0xee, page); /* none of the parent's business */
                }
            }
            _exit(0);
        }
        const long took = now_ms() - before;
        forks_ms += took;
        longest_fork_ms = took > longest_fork_ms ? took : longest_fork_ms;
        CHECK(waitpid(pid, &status, 0) == pid && status == 0);
        CHECK(close(fds[0]) == 0 && close(fds[1]) == 0);
        forks++;
    }
    return NULL;
}

int main(int argc, char** argv)
{
    const size_t bytes = (argc > 2 ? (size_t)atoi(argv[2]) : 24) << 20;
    pthread_t threads[changers + lookers + 1];
    int n = 0;

    pages_there = bytes / page / changers * changers;
    area = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    CHECK(area != MAP_FAILED);
    stamp(area, pages_there);
    for (uintptr_t i = 0; i < changers; i++)
        CHECK(pthread_create(&threads[n++], NULL, changes_its_slice, (void*)i) == 0);
    for (uintptr_t i = 0; i < lookers; i++)
        CHECK(pthread_create(&threads[n++], NULL, has_linux_look, (void*)i) == 0);
    CHECK(pthread_create(&threads[n++], NULL, forks_now_and_then, NULL) == 0);
    if (argc > 3) {
        FILE* file = fopen(argv[3], "w");

        CHECK(file != NULL);
        CHECK(fprintf(file, "%d %p %zu %zu\n", getpid(), (void*)area, pages_there, pages_there) > 0);
        CHECK(fclose(file) == 0);
    }
    sleep(argc > 1 ? (unsigned)atoi(argv[1]) : 2);
    stop = 1;
    while (n > 0)
        CHECK(pthread_join(threads[--n], NULL) == 0);
    CHECK(changes > 0 && looks > 0 && forks > 0);
    printf("ok leaf_storm: %ld changes, %ld looks by Linux, %ld of them refused, %ld forks of %ld ms, %ld at "
           "most\n",
           changes, looks, refusals, forks, forks_ms / forks, longest_fork_ms);
    return 0;
}
