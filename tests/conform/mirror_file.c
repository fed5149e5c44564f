// SPDX-License-Identifier: BSD-2-Clause
// A shared file mapping and read, write, truncate, msync, fsync and holes on the same file agree.
// covers: mmap, munmap, mprotect, msync, mincore, madvise, ftruncate, fallocate, fsync
#include "show.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 40 };

static sigjmp_buf back;

static void caught(int signo, siginfo_t* info, void* context)
{
    (void)context;
    printf("  %s code %d\n", strsignal(signo), info->si_code);
    siglongjmp(back, 1);
}

static void touch(const char* what, volatile char* at, int write)
{
    printf("%s\n", what);
    if (sigsetjmp(back, 1) != 0)
        return;
    if (write)
        *at = 'w';
    else
        (void)*at;
    printf("  fine\n");
}

static void on(const char* where)
{
    char text[64];
    int fd = open(where, O_RDWR | O_CREAT, 0600);
    MUST(fd >= 0);
    MUST(ftruncate(fd, PAGES * PAGE) == 0);
    char* p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    MUST(p != MAP_FAILED);
    for (int i = 0; i < PAGES; i++)
        if (p[i * PAGE] != 0)
            printf("page %d is not zero\n", i);
    SHOW(pwrite(fd, "from write", 10, 3 * PAGE + 5));
    printf("%.10s\n", p + 3 * PAGE + 5);
    memcpy(p + 7 * PAGE + 100, "from store", 10);
    SHOW(pread(fd, text, 10, 7 * PAGE + 100));
    printf("%.10s\n", text);
    SHOW(msync(p, PAGES * PAGE, MS_SYNC));
    SHOW(fsync(fd));
    p[7 * PAGE + 100] = 'F';
    SHOW(fsync(fd));
    SHOW(msync(p, PAGE, MS_ASYNC | MS_INVALIDATE));
    p[7 * PAGE + 101] = 'R';
    SHOW(pread(fd, text, 10, 7 * PAGE + 100));
    printf("%.10s\n", text);
    SHOW(read(fd, p + 9 * PAGE - 8, 16));                // a system call that writes into it
    SHOW(pwrite(fd, p + 7 * PAGE + 100, 10, 11 * PAGE)); // and one that reads from it
    printf("%.10s\n", p + 11 * PAGE);

    SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 7 * PAGE, PAGE));
    printf("in the hole %d\n", p[7 * PAGE + 100]);
    p[7 * PAGE] = 'h';
    SHOW(pread(fd, text, 1, 7 * PAGE));
    printf("%c\n", text[0]);

    for (int i = 0; i < PAGES; i++)
        p[i * PAGE] = (char)('a' + i % 26);
    SHOW(ftruncate(fd, 20 * PAGE + 10));
    touch("before the end", p + 20 * PAGE, 0);
    touch("behind it in the page", p + 20 * PAGE + 4000, 1);
    touch("behind the end, read", p + 21 * PAGE, 0);
    touch("behind the end, write", p + 30 * PAGE, 1);
    SHOW(write(1, p + 21 * PAGE, 1));
    SHOW(ftruncate(fd, PAGES * PAGE));
    touch("grown again", p + 30 * PAGE, 0);
    printf("%d %d\n", p[30 * PAGE], p[20 * PAGE + 4000]);

    SHOW(mprotect(p + 4 * PAGE, PAGE, PROT_READ));
    touch("read-only, read", p + 4 * PAGE, 0);
    touch("read-only, write", p + 4 * PAGE, 1);
    touch("its neighbour", p + 5 * PAGE, 1);
    SHOW(mprotect(p + 4 * PAGE, PAGE, PROT_NONE));
    touch("none", p + 4 * PAGE, 0);
    SHOW(mprotect(p + 4 * PAGE, PAGE, PROT_READ | PROT_WRITE));
    touch("writable", p + 4 * PAGE, 1);

    SHOW(madvise(p, PAGES * PAGE, MADV_DONTNEED));
    printf("%c%c\n", p[0], p[PAGE]);
    unsigned char resident[PAGES];
    SHOW(mincore(p, 2 * PAGE, resident));
    printf("%d %d\n", resident[0] & 1, resident[1] & 1);
    SHOW(mlock(p, 4 * PAGE));
    SHOW(munlock(p, 4 * PAGE));

    // A hole in the middle, and something private in it.
    SHOW(munmap(p + 10 * PAGE, 4 * PAGE));
    touch("unmapped", p + 11 * PAGE, 0);
    char* q =
        mmap(p + 10 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    MUST(q == p + 10 * PAGE);
    printf("%d\n", q[0]);
    strcpy(q, "private");
    SHOW(pwrite(fd, "shared", 7, 10 * PAGE));
    SHOW(write(1, q, 7));
    printf(" %s\n", q);
    // And shared over private.
    MUST(mmap(q, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 10 * PAGE) == q);
    printf("%s\n", q);
    SHOW(write(1, q, 6));
    printf("\n%c%c\n", p[9 * PAGE], p[14 * PAGE]);
    SHOW(munmap(p, PAGES * PAGE));
    touch("all gone", p, 0);
    // The only page of the file, next to its end; a single page of a large hole.
    SHOW(ftruncate(fd, PAGE));
    p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    MUST(p != MAP_FAILED);
    touch("the only page", p, 1);
    SHOW(munmap(p, PAGES * PAGE));
    SHOW(ftruncate(fd, 0));
    SHOW(ftruncate(fd, 1000 * PAGE));
    p = mmap(NULL, 1000 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    MUST(p != MAP_FAILED);
    touch("one of many", p + 333 * PAGE, 1);
    struct stat info;
    SHOW(fstat(fd, &info));
    printf("%ld KiB\n", (long)info.st_blocks / 2);
    SHOW(munmap(p, 1000 * PAGE));
    SHOW(ftruncate(fd, 0));
    SHOW(ftruncate(fd, PAGES * PAGE));
    SHOW(pwrite(fd, "a", 1, 0));
    SHOW(close(fd));
    fd = open(where, O_RDONLY);
    SHOW_OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    MUST(p != MAP_FAILED);
    SHOW(mprotect(p, PAGE, PROT_READ | PROT_WRITE));
    printf("%c\n", p[0]);
    MUST(mmap(p, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED);
    printf("still there: %c\n", p[0]);
    close(fd);
    fd = open(where, O_WRONLY);
    SHOW_OK(mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, fd, 0));
    SHOW_OK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, 1000, 0));
    SHOW_OK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 1));
    SHOW_OK(mmap(NULL, 0, PROT_READ, MAP_SHARED, fd, 0));
    close(fd);
    SHOW(unlink(where));
}

int main(void)
{
    struct sigaction act = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &act, NULL);
    sigaction(SIGBUS, &act, NULL);
    setvbuf(stdout, NULL, _IONBF, 0);
    on("file");
    printf("in /dev/shm\n");
    MUST(chdir("/dev/shm") == 0);
    on("conform-mirror");
    return 0;
}
