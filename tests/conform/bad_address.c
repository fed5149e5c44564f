// SPDX-License-Identifier: BSD-2-Clause
// Addresses, lengths and flags of the memory calls: unaligned, zero, wrapping, beyond the end, over holes.
// covers: mmap, munmap, mprotect, mremap, madvise, msync, mlock, munlock, mlock2, mincore, brk
#include "bad.h"

#include <fcntl.h>

static char* const hole = BAD_PLACE + BAD_PAGE;
static char* area;

static void maps(void)
{
    const int rw = PROT_READ | PROT_WRITE, anon = MAP_PRIVATE | MAP_ANONYMOUS;
    int dir = open("/", O_RDONLY), file = open("f", O_RDWR | O_CREAT, 0600), only = open("f", O_WRONLY);
    MUST(dir >= 0 && file >= 0 && only >= 0 && ftruncate(file, 10000) == 0);
    SHOW_OK(mmap(NULL, 0, rw, anon, -1, 0));
    SHOW_OK(mmap(NULL, 4096, rw, MAP_ANONYMOUS, -1, 0));
    SHOW_OK(mmap(NULL, 4096, rw, anon, -1, 1));
    SHOW_OK(mmap(NULL, 4096, rw, anon, 12345, 0));
    SHOW_OK(mmap(NULL, 4096, 0xff00, anon, -1, 0));
    SHOW_OK(mmap(NULL, -1ul, rw, anon, -1, 0));
    SHOW_OK(mmap(NULL, 1ul << 47, rw, anon, -1, 0));
    SHOW_OK(mmap(NULL, 1ul << 62, rw, anon | MAP_NORESERVE, -1, 0));
    SHOW_OK(mmap((void*)1, 4096, rw, anon | MAP_FIXED, -1, 0));
    SHOW_OK(mmap((void*)(1ul << 47), 4096, rw, anon | MAP_FIXED, -1, 0));
    SHOW_OK(mmap((void*)-4096l, 4096, rw, anon | MAP_FIXED, -1, 0));
    SHOW_OK(mmap((void*)(1ul << 47), 4096, rw, anon, -1, 0));
    SHOW_OK(mmap(BAD_PLACE, 4096, rw, anon | MAP_FIXED_NOREPLACE, -1, 0));
    SHOW_OK(mmap(NULL, 4096, rw, MAP_PRIVATE, -1, 0));
    SHOW_OK(mmap(NULL, 4096, rw, MAP_PRIVATE, 1000, 0));
    SHOW_OK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, dir, 0));
    SHOW_OK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, only, 0));
    SHOW_OK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file, 512));
    SHOW_OK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file, 4096 * 100));
    SHOW_OK(mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, file, -4096l));
    SHOW_OK(mmap(NULL, 4096, PROT_READ, 0, file, 0));
    SHOW_OK(mmap(NULL, 4096, PROT_READ, MAP_SHARED_VALIDATE | 0x800000, file, 0));
}

static void others(void)
{
    SHOW(munmap(area + 1, 4096));
    SHOW(munmap(area, 0));
    SHOW(munmap(area, -1ul));
    SHOW(munmap(area, 1ul << 60));
    SHOW(munmap(hole, 4096));
    SHOW(munmap((void*)(1ul << 47), 4096));
    SHOW(munmap((void*)-4096l, 4096));
    SHOW(mprotect(area + 1, 4096, PROT_READ));
    SHOW(mprotect(area, 0, PROT_READ));
    SHOW(mprotect(hole, 4096, PROT_READ));
    SHOW(mprotect(BAD_PLACE, 3 * 4096, PROT_READ));
    SHOW(mprotect(BAD_PLACE, 4096, PROT_READ | PROT_WRITE));
    SHOW(mprotect(area, -1ul, PROT_READ));
    SHOW(mprotect(area, -4096ul, PROT_READ));
    SHOW(mprotect(area, 4096, 0x80));
    SHOW(mprotect(area, 4096, PROT_READ | PROT_GROWSDOWN));
    SHOW(mprotect(area, 4096, PROT_READ | PROT_GROWSDOWN | PROT_GROWSUP));
    SHOW(mprotect((void*)-4096l, 4096, PROT_READ));
    SHOW(madvise(area + 1, 4096, MADV_DONTNEED));
    SHOW(madvise(area, 4096, 12345));
    SHOW(madvise(area, 0, MADV_DONTNEED));
    SHOW(madvise(area, -1ul, MADV_DONTNEED));
    SHOW(madvise(hole, 4096, MADV_DONTNEED));
    SHOW(madvise(BAD_PLACE, 3 * 4096, MADV_NORMAL));
    SHOW(madvise(BAD_PLACE, 3 * 4096, MADV_DONTNEED));
    SHOW(madvise(area, 4096, MADV_FREE));
    SHOW(madvise(area, 4096, MADV_HUGEPAGE));
    SHOW(madvise(area, 4096, MADV_NOHUGEPAGE));
    SHOW(madvise(area, 4096, MADV_DONTFORK));
    SHOW(madvise(area, 4096, MADV_DOFORK));
    SHOW(madvise(area, 4096, MADV_WILLNEED));
    SHOW(madvise(area, 4096, MADV_POPULATE_READ));
    SHOW(madvise(area, 4096, MADV_POPULATE_WRITE));
    SHOW(madvise(BAD_PLACE, 2 * 4096, MADV_POPULATE_READ));
    SHOW(madvise(BAD_PLACE + 2 * 4096, 4096, MADV_POPULATE_READ));
    SHOW(madvise(BAD_PLACE + 3 * 4096, 4096, MADV_POPULATE_WRITE));
    SHOW(msync(area + 1, 4096, MS_SYNC));
    SHOW(msync(area, 4096, MS_SYNC | MS_ASYNC));
    SHOW(msync(area, 4096, 0x80));
    SHOW(msync(area, 0, MS_SYNC));
    SHOW(msync(hole, 4096, MS_SYNC));
    SHOW(msync(area, 4096, MS_ASYNC));
    SHOW(mlock(hole, 4096));
    SHOW(mlock(area + 5, 10));
    SHOW(mlock(area, -1ul));
    SHOW(munlock(hole, 4096));
    SHOW(munlock(area, 4096));
    SHOW(syscall(SYS_mlock2, area, 4096, 2));
    SHOW(syscall(SYS_mlock2, area, 4096, 1));
    SHOW(syscall(SYS_mlock2, hole, 4096, 1));
    SHOW(munlockall());
    SHOW(mlockall(0));
    SHOW(mlockall(0x80));
    SHOW(mlockall(MCL_ONFAULT));
}

static void moves(void)
{
    unsigned char vec[16];

    SHOW_OK(mremap(area + 1, 4096, 8192, MREMAP_MAYMOVE));
    SHOW_OK(mremap(area, 4096, 0, MREMAP_MAYMOVE));
    SHOW_OK(mremap(area, 4096, 8192, 0x80));
    SHOW_OK(mremap(hole, 4096, 8192, MREMAP_MAYMOVE));
    SHOW_OK(mremap(BAD_PLACE, 3 * 4096, 8 * 4096, MREMAP_MAYMOVE));
    SHOW_OK(mremap(BAD_PLACE + 3 * 4096, 4096, 8192, 0));
    SHOW_OK(mremap(area, 4096, 8192, MREMAP_FIXED, area + 8192));
    SHOW_OK(mremap(area, 8192, 8192, MREMAP_FIXED | MREMAP_MAYMOVE, area + 4096));
    SHOW_OK(mremap(area, 4096, 4096, MREMAP_FIXED | MREMAP_MAYMOVE, area + 4097));
    SHOW_OK(mremap(area, 4096, 4096, MREMAP_FIXED | MREMAP_MAYMOVE, -4096l));
    SHOW_OK(mremap(area, 4096, 1ul << 60, MREMAP_MAYMOVE));
    SHOW_OK(mremap(area, 0, 4096, MREMAP_MAYMOVE));
    SHOW_OK(mremap(area, -4096ul, 4096, 0));
    SHOW(mincore(area + 1, 4096, vec));
    SHOW(mincore(hole, 4096, vec));
    SHOW(mincore(BAD_PLACE, 2 * 4096, vec));
    SHOW(mincore(area, 0, vec));
    SHOW(mincore(area, -1ul, vec));
    SHOW(mincore((void*)-4096l, 4096, vec));
    /* brk gives the end of the heap where it can't do what it is asked for. */
    long now = syscall(SYS_brk, 0);
    printf("brk(1) is brk(0): %d\n", syscall(SYS_brk, 1) == now);
    printf("brk(-1) is brk(0): %d\n", syscall(SYS_brk, -1) == now);
    printf("brk(far) is brk(0): %d\n", syscall(SYS_brk, now + (1l << 45)) == now);
    printf("brk up: %d\n", syscall(SYS_brk, now + 10000) == now + 10000);
    memset((char*)now, 1, 10000);
    printf("brk down: %d\n", syscall(SYS_brk, now) == now);
    printf("brk up again: %d, zero: %d\n", syscall(SYS_brk, now + 10000) == now + 10000,
           ((char*)now)[9000] == 0);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 1 << 16);
    bad_init();
    area = mmap(BAD_PLACE + (1 << 20), 16 * 4096, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    MUST(area == BAD_PLACE + (1 << 20));
    maps();
    others();
    moves();
    return 0;
}
