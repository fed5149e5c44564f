// SPDX-License-Identifier: BSD-2-Clause
// madvise, mincore, msync, mlock and mremap: effects and errors.
// covers: madvise, mincore, msync, mlock, mlock2, munlock, mlockall, munlockall, mremap
#include "show.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW (PROT_READ | PROT_WRITE)
#define PAGE 4096ul

static char* fresh(size_t pages)
{
    char* a = mmap(NULL, pages * PAGE, RW, ANON, -1, 0);
    MUST(a != MAP_FAILED);
    for (size_t i = 0; i < pages; i++)
        a[i * PAGE] = (char)(i + 1);
    return a;
}

static void advice(void)
{
    char* a = fresh(16);
    int fd = open("f", O_RDWR | O_CREAT, 0600);
    MUST(fd >= 0 && ftruncate(fd, 16 * PAGE) == 0 && pwrite(fd, "file", 4, 0) == 4);
    char* f = mmap(NULL, 16 * PAGE, RW, MAP_PRIVATE, fd, 0);
    static const int all[] = {0,  1,  2,  3,  5,  6,  7,  8,  10, 11, 12, 13,  14, 15,
                              16, 17, 18, 19, 20, 21, 22, 23, 26, 27, 99, 102, -1};
    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        errno = 0;
        const int r = madvise(a, 16 * PAGE, all[i]);
        const char* anon = r == 0 ? "ok" : strerrorname_np(errno);
        const int r2 = madvise(f, 16 * PAGE, all[i]);
        printf("advice %d: %s, of a private file %s\n", all[i], anon,
               r2 == 0 ? "ok" : strerrorname_np(errno));
    }
    SHOW(madvise(a, PAGE, MADV_REMOVE));
    SHOW(madvise(f, PAGE, MADV_REMOVE));
    for (size_t i = 0; i < 16; i++) // MADV_FREE may have taken them
        a[i * PAGE] = (char)(i + 1);
    strcpy(f, "mine");
    SHOW(madvise(f, PAGE, MADV_DONTNEED));
    printf("again the file's: %.4s\n", f);
    SHOW(madvise(a + PAGE, 2 * PAGE, MADV_DONTNEED));
    printf("%d %d %d %d\n", a[0], a[PAGE], a[2 * PAGE], a[3 * PAGE]);
    SHOW(madvise(a + 1, PAGE, MADV_DONTNEED));
    SHOW(madvise(a, 0, MADV_DONTNEED));
    SHOW(madvise(a, 0, 77));
    SHOW(madvise(a, ~0ul, MADV_DONTNEED));
    munmap(a + 4 * PAGE, PAGE);
    SHOW(madvise(a, 16 * PAGE, MADV_DONTNEED));
    printf("around the hole: %d %d\n", a[3 * PAGE], a[5 * PAGE]);
    mprotect(a + 8 * PAGE, PAGE, PROT_NONE);
    SHOW(madvise(a + 8 * PAGE, PAGE, MADV_POPULATE_READ));
    mprotect(a + 8 * PAGE, PAGE, PROT_READ);
    SHOW(madvise(a + 8 * PAGE, PAGE, MADV_POPULATE_READ));
    SHOW(madvise(a + 8 * PAGE, PAGE, MADV_POPULATE_WRITE));
    SHOW(madvise(a + 3 * PAGE, 2 * PAGE, MADV_POPULATE_WRITE));
    SHOW(mlock(a, PAGE));
    SHOW(madvise(a, PAGE, MADV_DONTNEED));
    SHOW(madvise(a, PAGE, 24 /* DONTNEED_LOCKED */));
    SHOW(madvise(a, PAGE, MADV_COLD));
    SHOW(msync(a, PAGE, MS_SYNC | MS_INVALIDATE));
    SHOW(munlock(a, PAGE));
    SHOW(msync(a, PAGE, MS_SYNC | MS_INVALIDATE));
    SHOW(msync(a, PAGE, MS_SYNC | MS_ASYNC));
    SHOW(msync(a, PAGE, 8));
    SHOW(msync(a + 1, PAGE, MS_SYNC));
    SHOW(msync(a, 16 * PAGE, MS_SYNC));
    SHOW(msync(a, ~0ul - PAGE, MS_SYNC));
}

static void residence(void)
{
    unsigned char v[8] = {9, 9, 9, 9, 9, 9, 9, 9};
    char* a = fresh(4);
    SHOW(mincore(a, 4 * PAGE, v));
    printf("%d %d %d %d %d\n", v[0] & 1, v[1] & 1, v[2] & 1, v[3] & 1, v[4]);
    SHOW(mincore(a + 1, PAGE, v));
    SHOW(mincore(a, 0, v));
    SHOW(mincore(a, PAGE, (void*)16));
    SHOW(mincore(a, PAGE, (void*)0xffff800000000000));
    SHOW(mincore((void*)0xffff800000000000, PAGE, v));
    munmap(a + PAGE, PAGE);
    SHOW(mincore(a, 4 * PAGE, v));
}

static void locks(void)
{
    char* a = fresh(16);
    SHOW(mlock(a + 5, 10));
    SHOW(mlock(a, 0));
    SHOW(mlock(NULL, PAGE));
    SHOW(munlock(NULL, PAGE));
    SHOW(syscall(SYS_mlock2, a, PAGE, 1));
    SHOW(syscall(SYS_mlock2, a, PAGE, 2));
    mprotect(a, PAGE, PROT_NONE);
    SHOW(mlock(a, PAGE));
    SHOW(mlockall(0));
    SHOW(mlockall(8));
    SHOW(mlockall(MCL_ONFAULT));
    SHOW(mlockall(MCL_FUTURE));
    SHOW(munlockall());
    struct rlimit four = {4 * PAGE, 4 * PAGE}, none = {0, 0};
    SHOW(setrlimit(RLIMIT_MEMLOCK, &four));
    SHOW(mlock(a + PAGE, 8 * PAGE)); // root may
    SHOW(munlock(a, 16 * PAGE));
    SHOW(syscall(SYS_setresuid, 65534, 65534, 65534));
    SHOW(mlock(a + PAGE, 4 * PAGE));
    SHOW(mlock(a + 8 * PAGE, PAGE));
    SHOW(munlock(a + PAGE, PAGE));
    SHOW(mlock(a + 8 * PAGE, PAGE));
    SHOW_OK(mmap(NULL, PAGE, RW, ANON | MAP_LOCKED, -1, 0));
    SHOW(mlockall(MCL_CURRENT));
    SHOW(munlockall());
    SHOW(mlockall(MCL_FUTURE));
    SHOW_OK(mmap(NULL, 8 * PAGE, RW, ANON, -1, 0));
    SHOW_OK(mmap(NULL, PAGE, RW, ANON, -1, 0));
    SHOW(munlockall());
    SHOW(setrlimit(RLIMIT_MEMLOCK, &none));
    SHOW(mlock(a + PAGE, PAGE));
    SHOW_OK(mmap(NULL, PAGE, RW, ANON | MAP_LOCKED, -1, 0));
}

static void moves(void)
{
    char* a = fresh(8);
    SHOW_OK(mremap(a + 1, PAGE, PAGE, 0));
    SHOW_OK(mremap(a, PAGE, 0, 0));
    SHOW_OK(mremap(a, 0, PAGE, MREMAP_MAYMOVE));
    SHOW_OK(mremap(a, PAGE, PAGE, 8));
    SHOW_OK(mremap(a, PAGE, PAGE, MREMAP_FIXED, a));
    SHOW_OK(mremap(a, PAGE, 2 * PAGE, MREMAP_MAYMOVE | 4, NULL));
    SHOW_OK(mremap(a, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, a + PAGE));
    SHOW_OK(mremap(a, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, a + 3 * PAGE + 7));
    SHOW_OK(mremap(NULL, PAGE, PAGE, MREMAP_MAYMOVE));
    printf("shrinks in place: %d\n", mremap(a, 8 * PAGE, 4 * PAGE, 0) == a);
    printf("grows in place: %d\n", mremap(a, 4 * PAGE, 6 * PAGE, 0) == a);
    printf("%d %d %d\n", a[0], a[3 * PAGE], a[5 * PAGE]);
    mmap(a + 6 * PAGE, PAGE, PROT_NONE, ANON | MAP_FIXED, -1, 0);
    SHOW_OK(mremap(a, 6 * PAGE, 9 * PAGE, 0));
    char* b = mremap(a, 6 * PAGE, 9 * PAGE, MREMAP_MAYMOVE);
    printf("moved: %d, %d %d %d %d\n", b != a, b[0], b[3 * PAGE], b[5 * PAGE], b[8 * PAGE]);
    SHOW(msync(a, PAGE, MS_SYNC));
    char* c = mmap(NULL, 16 * PAGE, PROT_NONE, ANON, -1, 0);
    printf("to a place: %d\n", mremap(b, 9 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, c) == c);
    printf("%d %d\n", c[0], c[3 * PAGE]);
    SHOW(msync(b, 9 * PAGE, MS_SYNC));
    char* d = mremap(c, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | 4, NULL);
    printf("without unmapping: %d; %d %d, %d %d\n", d != c, d[0], d[3 * PAGE], c[0], c[3 * PAGE]);
    c[0] = 77;
    mprotect(d, 4 * PAGE, PROT_NONE);
    char* e = mremap(d, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE);
    SHOW(mprotect(e, 8 * PAGE, RW));
    printf("through PROT_NONE: %d %d %d\n", e[0], e[3 * PAGE], e[7 * PAGE]);
    mprotect(e + PAGE, PAGE, PROT_READ);
    SHOW_OK(mremap(e, 4 * PAGE, 16 * PAGE, MREMAP_MAYMOVE)); // more than one area

    int fd = open("g", O_RDWR | O_CREAT, 0600);
    for (int i = 0; i < 8; i++)
        MUST(pwrite(fd, "abcdefgh" + i, 1, i * (off_t)PAGE) == 1);
    char* f = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, fd, PAGE);
    f[0] = 'X';
    f = mremap(f, 2 * PAGE, 6 * PAGE, MREMAP_MAYMOVE);
    printf("a file: %c%c%c%c\n", f[0], f[PAGE], f[2 * PAGE], f[5 * PAGE]);
    char* g = mremap(f, 6 * PAGE, 6 * PAGE, MREMAP_MAYMOVE | 4, NULL);
    printf("both: %c%c, %c%c\n", g[0], g[PAGE], f[0], f[PAGE]);
}

static void many(void)
{
    // 10,000 areas that do not merge.
    static char* a[10000];
    for (int i = 0; i < 10000; i++)
        MUST((a[i] = mmap(NULL, PAGE, i & 1 ? PROT_READ : RW, ANON, -1, 0)) != MAP_FAILED);
    for (int i = 0; i < 10000; i += 2)
        a[i][0] = (char)i;
    int bad = 0;
    for (int i = 0; i < 10000; i++)
        bad += a[i][0] != (i & 1 ? 0 : (char)i);
    for (int i = 0; i < 10000; i++)
        MUST(munmap(a[i], PAGE) == 0);
    printf("10000 areas, %d bad\n", bad);
    // More than Linux's limit.
    char* big = mmap(NULL, 70000 * PAGE, PROT_NONE, ANON, -1, 0);
    int i = 0;
    for (errno = 0; i < 70000 && mprotect(big + i * PAGE, PAGE, PROT_READ) == 0; i += 2)
        ;
    printf("limit: %s, about right %d\n", errno ? strerrorname_np(errno) : "none", i > 64000 && i < 65600);
    SHOW(munmap(big, 70000 * PAGE));
}

int main(void)
{
    advice();
    residence();
    moves();
    many();
    locks();
    return 0;
}
