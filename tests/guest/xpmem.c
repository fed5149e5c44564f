/* SPDX-License-Identifier: BSD-2-Clause */
/* XPMEM between two processes of a group: rank 0 exports, rank 1 attaches. Natively, or alone: ENOSYS. */
#include "check.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stillcore/smartmap.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <xpmem.h>

#define PAGE 4096ul
#define BYTES (64 * PAGE)

static struct {
    atomic_ulong phase;
    atomic_llong all, some, read_only, gone;
} shared;

static unsigned rank;

static void meet(void)
{
    const unsigned long mine = atomic_fetch_add(&shared.phase, 1) + 1;
    while (atomic_load(&((__typeof__(&shared))smartmap_peer(1 - rank, &shared))->phase) < mine)
        nanosleep(&(struct timespec){0, 200000}, NULL);
}

static sigjmp_buf back;

static void on_fault(int number)
{
    (void)number;
    siglongjmp(back, 1);
}

static int faults_on_store(volatile char* at)
{
    if (sigsetjmp(back, 1) != 0)
        return 1;
    *at = *at;
    return 0;
}

static void owner(void)
{
    char* memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    memset(memory, 7, BYTES);
    CHECK_ERRNO(xpmem_make(memory + 1, PAGE, XPMEM_PERMIT_MODE, (void*)0600), EINVAL);
    CHECK_ERRNO(xpmem_make(memory, 0, XPMEM_PERMIT_MODE, (void*)0600), EINVAL);
    CHECK_ERRNO(xpmem_make(memory, 100, XPMEM_PERMIT_MODE, (void*)0600), EINVAL);
    CHECK_ERRNO(xpmem_make(memory, PAGE, 2, (void*)0600), EINVAL);
    CHECK_ERRNO(xpmem_make(memory, PAGE, XPMEM_PERMIT_MODE, (void*)01000), EINVAL);
    const xpmem_segid_t some = xpmem_make(memory, BYTES, XPMEM_PERMIT_MODE, (void*)0600);
    const xpmem_segid_t read_only = xpmem_make(memory, PAGE, XPMEM_PERMIT_MODE, (void*)0444);
    const xpmem_segid_t all = xpmem_make(0, XPMEM_MAXADDR_SIZE, XPMEM_PERMIT_MODE, (void*)0666);
    const xpmem_segid_t gone = xpmem_make(memory, PAGE, XPMEM_PERMIT_MODE, (void*)0666);
    CHECK(some > 0 && read_only > 0 && all > 0 && gone > 0);
    CHECK(xpmem_remove(gone) == 0);
    CHECK_ERRNO(xpmem_remove(gone), ENOENT);
    atomic_store(&shared.some, some);
    atomic_store(&shared.read_only, read_only);
    atomic_store(&shared.all, all);
    atomic_store(&shared.gone, gone);
    meet();
    meet();
    CHECK(memory[PAGE] == 42 && memory[BYTES - 1] == 43);
    /* There is room for some more, and an end to it. */
    int made = 0;
    while (xpmem_make(memory, PAGE, XPMEM_PERMIT_MODE, (void*)0600) > 0)
        made++;
    CHECK(errno == ENOMEM && made > 50);
    meet();
}

static void user(void)
{
    meet();
    __typeof__(&shared) theirs = smartmap_peer(0, &shared);
    const xpmem_segid_t some = atomic_load(&theirs->some), read_only = atomic_load(&theirs->read_only);
    CHECK_ERRNO(xpmem_get(atomic_load(&theirs->gone), XPMEM_RDWR, XPMEM_PERMIT_MODE, NULL), ENOENT);
    CHECK_ERRNO(xpmem_get(some + 1000, XPMEM_RDWR, XPMEM_PERMIT_MODE, NULL), ENOENT);
    CHECK_ERRNO(xpmem_get(0, XPMEM_RDWR, XPMEM_PERMIT_MODE, NULL), EINVAL);
    CHECK_ERRNO(xpmem_get(some, 0x10, XPMEM_PERMIT_MODE, NULL), EINVAL);
    CHECK_ERRNO(xpmem_get(some, XPMEM_RDWR, XPMEM_PERMIT_MODE, &back), EINVAL);
    CHECK_ERRNO(xpmem_get(read_only, XPMEM_RDWR, XPMEM_PERMIT_MODE, NULL), EACCES);
    CHECK_ERRNO(xpmem_remove(some), EACCES);
    const xpmem_apid_t id = xpmem_get(some, XPMEM_RDWR, XPMEM_PERMIT_MODE, NULL);
    const xpmem_apid_t reads = xpmem_get(read_only, XPMEM_RDONLY, XPMEM_PERMIT_MODE, NULL);
    CHECK(id > 0 && reads > 0);
    CHECK_ERRNO(xpmem_attach((struct xpmem_addr){id, BYTES}, PAGE, NULL), EINVAL);
    CHECK_ERRNO(xpmem_attach((struct xpmem_addr){id, 0}, BYTES + PAGE, NULL), EINVAL);
    CHECK_ERRNO(xpmem_attach((struct xpmem_addr){id, 1}, PAGE, NULL), EINVAL);
    CHECK_ERRNO(xpmem_attach((struct xpmem_addr){id + 77, 0}, PAGE, NULL), EINVAL);
    char* memory = xpmem_attach((struct xpmem_addr){id, PAGE}, BYTES - PAGE, NULL);
    CHECK(memory != (char*)-1 && memory[0] == 7 && memory[BYTES - PAGE - 1] == 7);
    memory[0] = 42;
    memory[BYTES - PAGE - 1] = 43;
    char* seen = xpmem_attach((struct xpmem_addr){reads, 0}, PAGE, NULL);
    CHECK(seen != (char*)-1 && seen[0] == 7 && faults_on_store(seen) && !faults_on_store(memory));
    int fds[2];
    CHECK(pipe(fds) == 0);
    if (getenv("STILLCORE_SMARTMAP") != NULL || smartmap_shift() != STILL_PEERS_SHIFT_5) {
        CHECK(write(fds[1], seen, 8) == 8);
        CHECK_ERRNO(read(fds[0], seen, 8), EFAULT);
        CHECK(read(fds[0], memory + 8, 8) == 8 && memory[8] == 7);
    } else { /* Linux does not see it: docs/smartmap.md */
        CHECK_ERRNO(write(fds[1], seen, 8), EFAULT);
    }
    CHECK(xpmem_detach(seen) == 0 && xpmem_detach(memory) == 0);
    CHECK_ERRNO(xpmem_detach(&shared), EINVAL);
    CHECK(xpmem_release(reads) == 0);
    CHECK_ERRNO(xpmem_release(reads), EINVAL);
    /* All of it, by its own addresses. */
    const xpmem_apid_t whole = xpmem_get(atomic_load(&theirs->all), XPMEM_RDWR, XPMEM_PERMIT_MODE, NULL);
    const unsigned long at = (unsigned long)&shared & ~(PAGE - 1);
    char* page = xpmem_attach((struct xpmem_addr){whole, (off_t)at}, 2 * PAGE, NULL);
    CHECK(page != (char*)-1 && page + ((unsigned long)&shared - at) == (char*)theirs);
    meet();
    meet();
    /* Its end: nothing is found any more. */
    while (smartmap_pid(0) > 0)
        nanosleep(&(struct timespec){0, 200000}, NULL);
    CHECK_ERRNO(xpmem_get(some, XPMEM_RDWR, XPMEM_PERMIT_MODE, NULL), ENOENT);
}

int main(void)
{
    if (smartmap_rank() < 0) {
        CHECK_ERRNO(xpmem_version(), ENOSYS);
        CHECK_ERRNO(xpmem_make(0, XPMEM_MAXADDR_SIZE, XPMEM_PERMIT_MODE, (void*)0666), ENOSYS);
        puts("ok xpmem: not here");
        return 0;
    }
    rank = (unsigned)smartmap_rank();
    CHECK(smartmap_size() == 2 && smartmap_wait(1 - rank, 60000) == 0);
    signal(SIGSEGV, on_fault);
    CHECK(xpmem_version() == XPMEM_CURRENT_VERSION && XPMEM_VERSION_MAJOR(xpmem_version()) == 2);
    if (rank == 0)
        owner();
    else
        user();
    printf("ok xpmem %u\n", rank);
    return 0;
}
