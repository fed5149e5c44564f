/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes that see each other's memory: a group of three, each a program of its own, started with its rank in the
 * environment. They go by a word of rank 0, and each says what was wrong by its exit status. */
#define _GNU_SOURCE
#include "test.h"

#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xpmem.h>

#include <stillcore/smartmap.h>

enum { RANKS = 3, PAGE = 4096, WAIT_MS = 20000 };

/* At the same address in all of them. */
static struct {
    atomic_uint steps[RANKS]; /* in rank 0: how far each has come */
    char text[32];
    char* mapped;
    atomic_llong segment;
} shared;

static unsigned rank;
static sigjmp_buf back;

static void* at_peer(unsigned peer, const volatile void* object)
{
    return smartmap_peer(peer, object);
}

#define OF(peer, object) ((__typeof__(&(object)))at_peer((peer), &(object)))

static void meet(void)
{
    atomic_uint* steps = OF(0, shared)->steps;
    const unsigned mine = atomic_fetch_add(&steps[rank], 1) + 1;

    for (unsigned r = 0; r < RANKS; r++)
        while (atomic_load(&steps[r]) < mine)
            usleep(200);
}

static void on_fault(int number)
{
    (void)number;
    siglongjmp(back, 1);
}

static bool faults(volatile char* at, bool store)
{
    if (sigsetjmp(back, 1) != 0)
        return true;
    const char value = *at;
    if (store)
        *at = value;
    return false;
}

/* The first thing that is wrong ends it. */
#define NEED(condition)                                                                                      \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            printf("  rank %u: line %d is wrong\n", rank, __LINE__);                                         \
            return 1;                                                                                        \
        }                                                                                                    \
    } while (0)

static int act(void)
{
    struct still_peers_info info;

    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGSEGV, on_fault);
    NEED(smartmap_rank() >= 0 && smartmap_info(&info) == 0 && info.size == RANKS);
    rank = info.rank;
    for (unsigned r = 0; r < RANKS; r++)
        NEED(smartmap_wait(r, WAIT_MS) == 0);
    const unsigned next = (rank + 1) % RANKS;
    snprintf(shared.text, sizeof(shared.text), "rank %u", rank);
    meet();
    /* What another has, and has mapped later. */
    NEED(OF(next, shared)->text[5] == (char)('0' + next));
    shared.mapped = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(shared.mapped != MAP_FAILED);
    shared.mapped[PAGE] = (char)('a' + rank);
    const xpmem_segid_t segment = xpmem_make(shared.mapped, 4 * PAGE, XPMEM_PERMIT_MODE, (void*)0600);
    NEED(segment > 0);
    atomic_store(&shared.segment, segment);
    meet();
    char* theirs = at_peer(next, OF(next, shared)->mapped);
    NEED(theirs[PAGE] == (char)('a' + next));
    theirs[2 * PAGE] = 'x';
    /* The same by XPMEM, and for reading only. */
    const xpmem_apid_t id =
        xpmem_get(atomic_load(&OF(next, shared)->segment), XPMEM_RDONLY, XPMEM_PERMIT_MODE, NULL);
    NEED(id > 0);
    char* attached = xpmem_attach((struct xpmem_addr){id, PAGE}, PAGE, NULL);
    NEED(attached != (char*)-1 && attached[0] == (char)('a' + next) && faults(attached, true));
    NEED(!faults(theirs, true));
    meet();
    NEED(shared.mapped[2 * PAGE] == 'x');
    /* A call of the kernel with a pointer into another's memory. */
    int fds[2];
    NEED(pipe(fds) == 0 && write(fds[1], theirs + PAGE, 1) == 1 && read(fds[0], theirs + 3 * PAGE, 1) == 1);
    meet();
    NEED(shared.mapped[3 * PAGE] == (char)('a' + rank));
    /* What is taken away is gone for all. */
    NEED(munmap(shared.mapped, 2 * PAGE) == 0);
    meet();
    NEED(faults(theirs + PAGE, false) && faults(attached, false) && !faults(theirs + 2 * PAGE, true));
    meet();
    /* The last ends, and its memory with it. */
    if (rank == RANKS - 1)
        return 0;
    for (int i = 0; i < WAIT_MS / 10 && !faults(OF(RANKS - 1, shared)->text, false); i++)
        usleep(10000);
    NEED(faults(OF(RANKS - 1, shared)->text, false));
    return 0;
}

int peer_main(void)
{
    return act() == 0 ? (int)smartmap_shift() : 1;
}

/* Its exit status is what a peer was wrong with, or by how much its rank is shifted. */
static int slot_bits;

static pid_t start(unsigned of)
{
    const pid_t child = fork();

    if (child == 0) {
        char variable[32];
        snprintf(variable, sizeof(variable), "%u/%u", of, (unsigned)RANKS);
        setenv("STILLCORE_SMARTMAP", variable, 1);
        execl("/proc/self/exe", "peer", "--peer", (char*)NULL);
        _exit(127);
    }
    return child;
}

void test_peers(void)
{
    pid_t child[RANKS];

    CHECK("this program is no member of a group", smartmap_rank() == -1 && xpmem_version() == -1);
    for (unsigned r = 0; r < RANKS; r++)
        child[r] = start(r);
    for (unsigned r = 0; r < RANKS; r++) {
        int status = 0;

        CHECK("a peer was started", child[r] > 0);
        CHECK("it ends", waitpid(child[r], &status, 0) == child[r]);
        if (!CHECK("it found its peers as they should be", WIFEXITED(status) && WEXITSTATUS(status) > 1))
            printf("  rank %u: status %#x\n", r, (unsigned)status);
        slot_bits = WEXITSTATUS(status);
    }
    printf("  %d processes saw each other's memory, in slots of %llu GiB\n", RANKS,
           1ull << ((unsigned)slot_bits - 30));
}
