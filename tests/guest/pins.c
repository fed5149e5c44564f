/* SPDX-License-Identifier: BSD-2-Clause */
/* pins [SECONDS]: pages are unmapped, or moved first, while Linux still holds them, by vmsplice into a pipe and by
 * O_DIRECT. What is in the pipe must stay what it was, and new mappings must be zero. */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static volatile int stop;
static char path[] = "/var/tmp/pins-XXXXXX";

static unsigned char* fresh(size_t bytes)
{
    unsigned char* at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(at != MAP_FAILED);
    for (size_t i = 0; i < bytes; i += 512)
        CHECK(at[i] == 0);
    return at;
}

static void* splice_away(void* arg)
{
    int fds[2];
    long rounds = 0;
    unsigned char back[4096];

    (void)arg;
    CHECK(pipe(fds) == 0);
    while (!stop) {
        unsigned char* at = fresh(4096);
        struct iovec piece = {at, 4096};
        unsigned char* others[8];

        memset(at, 0x40 + rounds % 64, 4096);
        CHECK(vmsplice(fds[1], &piece, 1, 0) == 4096);
        if (rounds % 2 != 0) { /* what is pinned is pinned wherever it went */
            unsigned char* room = fresh(4096);

            CHECK(mremap(at, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, room) == room);
            at = room;
        }
        CHECK(munmap(at, 4096) == 0);
        for (int i = 0; i < 8; i++) { /* whoever got the page too early would write into the pipe */
            others[i] = fresh(4096);
            memset(others[i], 0xee, 4096);
        }
        CHECK(read(fds[0], back, 4096) == 4096);
        for (int i = 0; i < 4096; i++)
            CHECK(back[i] == 0x40 + rounds % 64);
        for (int i = 0; i < 8; i++)
            CHECK(munmap(others[i], 4096) == 0);
        rounds++;
    }
    return (void*)rounds;
}

static void* direct(void* arg)
{
    int fd = open(path, O_RDWR | O_DIRECT);
    long rounds = 0;

    (void)arg;
    if (fd < 0) {
        CHECK(errno == EINVAL); /* a file system without O_DIRECT */
        return NULL;
    }
    while (!stop) {
        unsigned char* at = fresh(16384);
        ssize_t got = pread(fd, at, 16384, 0);

        CHECK(got == 16384 || (got < 0 && errno == EINVAL));
        for (int i = 0; got > 0 && i < 16384; i += 512)
            CHECK(at[i] == 0x77);
        CHECK(munmap(at, 16384) == 0);
        rounds++;
    }
    close(fd);
    return (void*)rounds;
}

int main(int argc, char** argv)
{
    struct timespec time = {argc > 1 ? atoi(argv[1]) : 1, 0};
    void *spliced, *read_direct;
    pthread_t threads[2];
    char block[16384];
    int fd = mkstemp(path);

    CHECK(fd >= 0);
    memset(block, 0x77, sizeof(block));
    CHECK(write(fd, block, sizeof(block)) == (ssize_t)sizeof(block) && close(fd) == 0);
    CHECK(pthread_create(&threads[0], NULL, splice_away, NULL) == 0);
    CHECK(pthread_create(&threads[1], NULL, direct, NULL) == 0);
    nanosleep(&time, NULL);
    stop = 1;
    CHECK(pthread_join(threads[0], &spliced) == 0 && pthread_join(threads[1], &read_direct) == 0);
    CHECK(unlink(path) == 0);
    printf("ok pins %ld spliced, %ld direct\n", (long)spliced, (long)read_direct);
    return 0;
}
