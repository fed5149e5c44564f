/* SPDX-License-Identifier: BSD-2-Clause */
/* fork_storm [SECONDS]: forks while Linux holds pages of the parent (O_DIRECT reads into them, vmsplice out of
 * them), while threads write, and while areas come and go. What a read brings must reach the parent and not the
 * child; what is in a pipe must stay what it was; each child sees one moment of the parent's memory. */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { large = 6 << 20, blocks = 64, block = 4096 };

static atomic_int stop;
static atomic_long forks, reads, splices, stores;
static unsigned char contents[blocks * block]; /* of this program's own file */
static long blocks_there;
static _Atomic unsigned long* pairs; /* each pair holds the same number, the first is written first */

static unsigned char* fresh(size_t bytes)
{
    unsigned char* at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(at != MAP_FAILED);
    return at;
}

static void* writes_pairs(void* arg)
{
    (void)arg;
    for (unsigned long n = 1; !stop; n++) {
        size_t i = n * 7919 % (large / sizeof(*pairs) / 2) * 2;

        pairs[i] = n;
        pairs[i + 1] = n;
        stores++;
    }
    return NULL;
}

static void* reads_direct(void* arg)
{
    int fd = open(arg, O_RDONLY | O_DIRECT);
    unsigned char* at = fresh(2 * large);

    if (fd < 0) {
        CHECK(errno == EINVAL); /* a file system without O_DIRECT */
        reads = -1;
        return NULL;
    }
    for (long round = 0; !stop; round++) {
        unsigned char* to = at + round % 97 * 8 * block;
        long from = round % (blocks_there - 4) * block;

        memset(to, 0xaa, 4 * block);
        CHECK(pread(fd, to, 4 * block, from) == 4 * block);
        CHECK(memcmp(to, contents + from, 4 * block) == 0);
        reads++;
    }
    return NULL;
}

static void* splices_away(void* arg)
{
    unsigned char back[block];
    int fds[2];

    (void)arg;
    CHECK(pipe(fds) == 0);
    for (unsigned round = 0; !stop; round++) {
        unsigned char* at = fresh(block);
        struct iovec piece = {at, block};

        memset(at, 1 + round % 200, block);
        CHECK(vmsplice(fds[1], &piece, 1, 0) == block);
        CHECK(munmap(at, block) == 0);
        CHECK(read(fds[0], back, block) == block);
        for (int i = 0; i < block; i += 16)
            CHECK(back[i] == 1 + round % 200);
        splices++;
    }
    return NULL;
}

/* A copy of one moment: the second of a pair is never ahead of the first, whatever the writer does. */
static int child_looks(void)
{
    for (size_t i = 0; i < large / sizeof(*pairs); i += 2) {
        unsigned long second = pairs[i + 1], first = pairs[i];

        if (first < second || first != pairs[i] || second != pairs[i + 1])
            return 1;
    }
    for (size_t i = 0; i < large / sizeof(*pairs); i += 1024)
        pairs[i] = pairs[i + 1] = ~0ul; /* none of the parent's business */
    return 0;
}

static void* forks_all_the_time(void* arg)
{
    (void)arg;
    while (!stop) {
        int status = 0;
        pid_t pid = fork();

        CHECK(pid >= 0);
        if (pid == 0)
            _exit(child_looks());
        CHECK(waitpid(pid, &status, 0) == pid);
        CHECK(status == 0);
        for (size_t i = 0; i < large / sizeof(*pairs); i += 512)
            CHECK(pairs[i] != ~0ul);
        forks++;
    }
    return NULL;
}

int main(int argc, char** argv)
{
    void* (*const bodies[])(void*) = {writes_pairs, reads_direct, splices_away, forks_all_the_time,
                                      forks_all_the_time};
    pthread_t threads[5];
    int fd = open(argv[0], O_RDONLY);

    CHECK(fd >= 0);
    blocks_there = read(fd, contents, sizeof(contents)) / block;
    CHECK(blocks_there > 4);
    pairs = (void*)fresh(large);
    for (int i = 0; i < 5; i++)
        CHECK(pthread_create(&threads[i], NULL, bodies[i], argv[0]) == 0);
    sleep(argc > 1 ? (unsigned)atoi(argv[1]) : 3);
    stop = 1;
    for (int i = 0; i < 5; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(forks > 0 && reads != 0 && splices > 0 && stores > 0);
    printf("ok fork_storm: %ld forks, %ld reads, %ld splices\n", forks, reads, splices);
    return 0;
}
