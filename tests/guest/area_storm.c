/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * area_storm SECONDS: threads map, lock, protect, discard, unmap and move parts of memory in large pages, at chosen
 * places and at others, all at once, while children are forked that write there. Nobody has another's place taken
 * away, and afterwards no page is missing (test_guest.py). What a thread touches may be gone: such faults are caught.
 */
#include "check.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { threads = 3, page = 4096, large = 2 << 20, slots = 16 };

static char* area;
static pthread_barrier_t begin; /* by then all have their stacks: later ones might lie in others' holes */
static atomic_int stop;
static atomic_long rounds;
static _Thread_local sigjmp_buf back;

static void on_fault(int signo)
{
    (void)signo;
    siglongjmp(back, 1);
}

static uint64_t next(uint64_t* state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void touch(char* at)
{
    if (sigsetjmp(back, 1) == 0)
        *(volatile char*)at = 1;
}

static void have_a_child(char* at)
{
    const pid_t child = fork();

    if (child == 0) {
        touch(at);
        _exit(0);
    }
    CHECK(child > 0 && waitpid(child, NULL, 0) == child);
}

/* Something with a few of the pages from at on, or with all of it. */
static void disturb(uint64_t* state, char* all, size_t bytes)
{
    char* at = all + next(state) % (bytes / page) * page;
    const size_t few = (1 + next(state) % 3) * page;

    switch (next(state) % 9) {
    case 0:
        (void)mprotect(at, few, PROT_READ);
        break;
    case 1:
        (void)madvise(at, few, MADV_DONTNEED);
        break;
    case 2:
        (void)munmap(at, few);
        break;
    case 3:
        (void)mlock(at, few);
        break;
    case 4:
        (void)mremap(at, page, few, MREMAP_MAYMOVE | MREMAP_FIXED, area + next(state) % slots * large);
        break;
    case 5:
        (void)mremap(all, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, area + (8 + next(state) % 4) * large);
        break;
    case 6:
        have_a_child(at);
        break;
    default:
        touch(at);
    }
}

static void* storms(void* seed)
{
    static const int kinds[] = {MAP_HUGETLB, MAP_POPULATE, MAP_HUGETLB | MAP_NORESERVE, 0};
    uint64_t state = (uintptr_t)seed * 0x9e3779b97f4a7c15;

    pthread_barrier_wait(&begin);
    while (!stop) {
        const size_t bytes = (1 + next(&state) % 3) * large;
        const int flags = MAP_PRIVATE | MAP_ANONYMOUS | kinds[next(&state) % 4];
        /* Chosen by the system, it may lie in a hole that another thread is just unmapping around. */
        const int fixed = next(&state) % 2 ? MAP_FIXED : 0;
        char* at = mmap(fixed ? area + next(&state) % 6 * large : NULL, bytes, PROT_READ | PROT_WRITE,
                        flags | fixed, -1, 0);

        if (at == MAP_FAILED)
            continue;
        for (int i = 0; i < 4; i++)
            disturb(&state, at, bytes);
        if (!fixed)
            (void)munmap(at, bytes); /* or a part of it: a large page of another has come into a hole */
        rounds++;
    }
    return NULL;
}

int main(int argc, char** argv)
{
    const struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_NODEFER};
    pthread_t all[threads];

    CHECK(sigaction(SIGSEGV, &action, NULL) == 0 && sigaction(SIGBUS, &action, NULL) == 0);
    area = mmap(NULL, (slots + 1) * large, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(area != MAP_FAILED);
    area += -(uintptr_t)area % large;
    CHECK(pthread_barrier_init(&begin, NULL, threads) == 0);
    for (uintptr_t i = 0; i < threads; i++)
        CHECK(pthread_create(&all[i], NULL, storms, (void*)(i + 1)) == 0);
    sleep(argc > 1 ? (unsigned)atoi(argv[1]) : 2);
    stop = 1;
    for (int i = 0; i < threads; i++)
        CHECK(pthread_join(all[i], NULL) == 0);
    CHECK(rounds > 0);
    printf("ok area_storm: %ld rounds\n", rounds);
    return 0;
}
