// SPDX-License-Identifier: BSD-2-Clause
// A file that is mapped privately and cut off: SIGBUS behind its end, for who has touched the pages and who has not, in
// a child as well; zeros once it has grown again.
// covers: truncate, ftruncate, mmap
#include "show.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { page = 4096, pages = 40 };

static sigjmp_buf back;
static const char* path = "cut";

static void on_bus(int signo, siginfo_t* info, void* context)
{
    (void)signo, (void)context;
    siglongjmp(back, info->si_code);
}

// One letter for each of some pages.
static void look(const char* when, const volatile char* at)
{
    static const int which[] = {0, 4, 5, 9, 10, 20, pages - 1};

    printf("%s:", when);
    for (unsigned i = 0; i < sizeof(which) / sizeof(*which); i++) {
        const int code = sigsetjmp(back, 1);
        if (code != 0) {
            printf(" bus%d", code);
            continue;
        }
        const char c = at[which[i] * page + 1];
        printf(" %c", c == 0 ? '0' : c);
    }
    printf("\n");
}

static int make(void)
{
    static char all[pages * page];
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

    memset(all, 'f', sizeof(all));
    MUST(fd >= 0 && write(fd, all, sizeof(all)) == sizeof(all));
    return fd;
}

static char* map(int fd, int prot, off_t offset)
{
    char* at = mmap(NULL, pages * page, prot, MAP_PRIVATE, fd, offset);

    MUST(at != MAP_FAILED);
    return at;
}

static void cut(void)
{
    int fd = make();
    char *fresh = map(fd, PROT_READ, 0), *read_only = map(fd, PROT_READ, 0),
         *written = map(fd, PROT_READ | PROT_WRITE, 0), *later = map(fd, PROT_READ, 4 * page);

    look("whole", read_only);
    memset(written, 'w', 8 * page);
    look("written", written);
    SHOW(ftruncate(fd, 5 * page));
    look("cut, fresh", fresh);
    look("cut, read", read_only);
    look("cut, written", written);
    look("cut, at an offset", later);
    SHOW(ftruncate(fd, pages * page));
    look("grown, fresh", fresh);
    look("grown, read", read_only);
    look("grown, written", written);
    written[9 * page + 1] = 'n';
    SHOW(truncate(path, 2 * page));
    SHOW(truncate(path, pages * page));
    look("again, written", written);
    SHOW(ftruncate(fd, 0));
    look("empty", written);
    for (int i = 0; i < 3; i++)
        munmap(i == 0 ? fresh : i == 1 ? read_only : written, pages * page);
    munmap(later, pages * page);
    close(fd);
}

static void in_a_child(void)
{
    int fd = make(), ask[2], answer[2], status;
    char *at = map(fd, PROT_READ | PROT_WRITE, 0), c = 'c';

    at[1] = 'p';
    MUST(pipe(ask) == 0 && pipe(answer) == 0);
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        at[4 * page + 1] = 'c';
        MUST(write(answer[1], &c, 1) == 1 && read(ask[0], &c, 1) == 1);
        usleep(200000); // told of what others do a moment later
        look("a child", at);
        fflush(stdout);
        _exit(0);
    }
    MUST(read(answer[0], &c, 1) == 1);
    SHOW(ftruncate(fd, 5 * page));
    look("its parent", at);
    fflush(stdout);
    MUST(write(ask[1], &c, 1) == 1 && waitpid(child, &status, 0) == child && status == 0);
    munmap(at, pages * page);
    close(fd), close(ask[0]), close(ask[1]), close(answer[0]), close(answer[1]);
}

int main(void)
{
    const struct sigaction action = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO};

    sigaction(SIGBUS, &action, NULL);
    cut();
    in_a_child();
    unlink(path);
    return 0;
}
