/* SPDX-License-Identifier: BSD-2-Clause */
/* whole_storm SECONDS MIB COUNT FILE: COUNT areas of MIB (2 or 1024: one large entry each, if there is such a block)
 * that are protected and moved as a whole while Linux looks at them, and writes to them: those who ask from outside
 * find pid and places in FILE (asker). Now and then one is pinned, shared by fork or split, and made anew. A page
 * holds its stamp or nothing, never another page's. */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { page = 4096 };

static size_t leaf, count;
static unsigned char* room;     /* two places for each area, the second is where it moves to and back from */
static unsigned char* workshop; /* and one where it is made */
static atomic_int go, stop;
static atomic_long changes, remade, looks, refusals, forks;

static unsigned next(unsigned* state)
{
    *state = *state * 1103515245u + 12345u;
    return *state >> 8;
}

static unsigned stamp_of(const unsigned char* at)
{
    return 1 + (unsigned)((uintptr_t)(at - room) % leaf / page % 65521);
}

static unsigned char* anywhere(unsigned* state)
{
    return room + ((size_t)next(state) * 8191u + next(state)) % (2 * count * leaf / page) * page;
}

static bool is_giant(void)
{
    return leaf > 2 << 20;
}

static void reserve(unsigned char* at)
{
    CHECK(mmap(at, leaf, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == at);
}

/* Made where nobody looks, or the first who does has a small page there before the large one comes. */
static void make(unsigned char* at)
{
    unsigned char* new = workshop + (size_t)(at - room) / leaf / 2 * leaf;

    if (is_giant()) {
        /* There are few blocks as large as that: a page that was pinned has to be back before there is one again. */
        reserve(at);
        nanosleep(&(struct timespec){0, 100000000}, NULL);
    }
    CHECK(mmap(new, leaf, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE, -1,
               0) == new);
    for (size_t i = 0; i < leaf; i += page) {
        const unsigned word = stamp_of(at + i);
        memcpy(new + i, &word, sizeof(word));
    }
    CHECK(mremap(new, leaf, leaf, MREMAP_MAYMOVE | MREMAP_FIXED, at) == at);
    reserve(new);
    remade++;
}

/* Others use what was given up, but for what is pinned. */
static void use_other_memory(void)
{
    enum { bytes = 64 << 20 };
    unsigned char* at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(at != MAP_FAILED);
    memset(at, 0xee, bytes);
    CHECK(munmap(at, bytes) == 0);
}

/* A page is in a pipe as it is, and must be the same when it comes out, whatever is done meanwhile. */
static void pin_and_leave(unsigned char* at, unsigned char* elsewhere, unsigned* state, const int* fds)
{
    unsigned char* here = at + next(state) % (leaf / page) * page;
    struct iovec piece = {here, sizeof(unsigned)};
    unsigned found = 0;

    CHECK(vmsplice(fds[1], &piece, 1, 0) == sizeof(found));
    CHECK(mremap(at, leaf, leaf, MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere) == elsewhere);
    CHECK(munmap(elsewhere, leaf) == 0);
    if (is_giant()) {
        reserve(at); /* or the other memory comes there, where those who look find it */
        reserve(elsewhere);
        use_other_memory();
    } else {
        make(at);
    }
    CHECK(read(fds[0], &found, sizeof(found)) == sizeof(found));
    CHECK(found == stamp_of(here));
    if (is_giant())
        make(at);
}

/* Both write to what they share, wherever others do just then. */
static void fork_and_write(unsigned char* at, unsigned* state)
{
    const pid_t pid = fork();
    int status;

    CHECK(pid >= 0);
    for (int i = 0; i < 8; i++) {
        unsigned char* here = at + next(state) % (leaf / page) * page;
        const unsigned word = pid == 0 ? 0xdddddddd : stamp_of(here);
        memcpy(here, &word, sizeof(word));
    }
    if (pid == 0)
        _exit(0);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    forks++;
}

/* All that takes a large entry apart; afterwards there is a new one. */
static void take_apart(unsigned char* at, unsigned char* elsewhere, unsigned* state, const int* fds)
{
    switch (next(state) % 3) {
    case 0:
        pin_and_leave(at, elsewhere, state, fds);
        break;
    case 1:
        fork_and_write(at, state);
        make(at);
        break;
    default:
        CHECK(mprotect(at + next(state) % (leaf / page) * page, page, PROT_READ) == 0);
        CHECK(madvise(at + next(state) % (leaf / page) * page, page, MADV_DONTNEED) == 0);
        make(at);
    }
}

static void* changes_one(void* arg)
{
    unsigned state = 5u + (unsigned)(uintptr_t)arg;
    unsigned char *at = room + 2 * (uintptr_t)arg * leaf, *elsewhere = at + leaf, *was;
    const unsigned seldom = is_giant() ? 64 : 16; /* it takes a while to clear that much */
    int fds[2];

    CHECK(pipe(fds) == 0);
    while (!go) /* until all stacks are there: one must not come where an area has just moved away from */
        sched_yield();
    while (!stop) {
        switch (next(&state) % 3) {
        case 0:
            CHECK(mprotect(at, leaf, PROT_READ) == 0);
            break;
        case 1:
            CHECK(mprotect(at, leaf, PROT_NONE) == 0);
            break;
        default:
            CHECK(mremap(at, leaf, leaf, MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere) == elsewhere);
            was = at;
            at = elsewhere;
            elsewhere = was;
        }
        CHECK(mprotect(at, leaf, PROT_READ | PROT_WRITE) == 0);
        if (next(&state) % seldom == 0)
            take_apart(at, elsewhere, &state, fds);
        changes++;
    }
    CHECK(close(fds[0]) == 0 && close(fds[1]) == 0);
    return NULL;
}

static void* has_linux_look(void* arg)
{
    unsigned state = 11;
    int fds[2];

    (void)arg;
    CHECK(pipe(fds) == 0);
    while (!stop) {
        unsigned char* at = anywhere(&state);
        unsigned found = 0;

        looks++;
        if (write(fds[1], at, sizeof(found)) != sizeof(found)) {
            CHECK(errno == EFAULT);
            refusals++;
            continue;
        }
        CHECK(read(fds[0], &found, sizeof(found)) == sizeof(found));
        if (found != stamp_of(at) && found != 0)
            fprintf(stderr, "at +%zx: %x in place of %x\n", (size_t)(at - room), found, stamp_of(at));
        CHECK(found == stamp_of(at) || found == 0);
    }
    return NULL;
}

int main(int argc, char** argv)
{
    pthread_t threads[64];
    unsigned char* place;
    FILE* file;
    int n = 0;

    CHECK(argc == 5);
    leaf = (size_t)atoi(argv[2]) << 20;
    count = (size_t)atoi(argv[3]);
    CHECK(leaf > 0 && count > 0 && count < 60);
    place = mmap(NULL, (3 * count + 1) * leaf, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(place != MAP_FAILED);
    room = place + (leaf - (uintptr_t)place % leaf) % leaf;
    workshop = room + 2 * count * leaf;
    for (uintptr_t i = 0; i < count; i++)
        make(room + 2 * i * leaf);
    for (uintptr_t i = 0; i < count; i++)
        CHECK(pthread_create(&threads[n++], NULL, changes_one, (void*)i) == 0);
    CHECK(pthread_create(&threads[n++], NULL, has_linux_look, NULL) == 0);
    go = 1;
    file = fopen(argv[4], "w");
    CHECK(file != NULL);
    CHECK(fprintf(file, "%d %p %zu %zu\n", getpid(), (void*)room, 2 * count * leaf / page, leaf / page) > 0);
    CHECK(fclose(file) == 0);
    sleep((unsigned)atoi(argv[1]));
    stop = 1;
    while (n > 0)
        CHECK(pthread_join(threads[--n], NULL) == 0);
    CHECK(changes > 0 && looks > 0);
    printf("ok whole_storm: %ld changes, made anew %ld times, %ld looks by Linux, %ld of them refused, %ld "
           "forks\n",
           changes, remade, looks, refusals, forks);
    return 0;
}
