// SPDX-License-Identifier: BSD-2-Clause
// A timer ticks without SA_RESTART. Calls that no signal can end give what they always give, and so do those that find
// their data there; only one that waits ends with EINTR.
// covers: link, unlink, lstat, open, pread64, rename
// timeout: 120
#include "show.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

enum { ROUNDS = 1500 };

static void tick(int signo)
{
    (void)signo;
}

static int wrong;

static void check(const char* what, int is_good)
{
    if (!is_good && ++wrong <= 5)
        printf("%s: %s\n", what, strerrorname_np(errno));
}

static void set_timer(int us)
{
    const struct itimerval every = {{0, us}, {0, us}};
    MUST(setitimer(ITIMER_REAL, &every, NULL) == 0);
}

static void paths(void)
{
    char name[64], other[64];
    struct stat about;
    for (int i = 0; i < ROUNDS; i++) {
        snprintf(name, sizeof name, "link-%d", i);
        snprintf(other, sizeof other, "moved-%d", i);
        check("link", link("old", name) == 0);
        check("lstat", lstat(name, &about) == 0);
        check("rename", rename(name, other) == 0);
        check("unlink", unlink(other) == 0);
    }
}

static void data(void)
{
    char byte;
    int ends[2];
    MUST(pipe(ends) == 0);
    for (int i = 0; i < ROUNDS; i++) {
        const int fd = open("old", O_RDWR);
        check("open", fd >= 0);
        check("pwrite", pwrite(fd, "x", 1, 0) == 1);
        check("pread", pread(fd, &byte, 1, 0) == 1);
        check("close", close(fd) == 0);
        check("write into a pipe", write(ends[1], "x", 1) == 1);
        check("read what is there", read(ends[0], &byte, 1) == 1);
    }
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct sigaction action = {.sa_handler = tick};
    MUST(sigaction(SIGALRM, &action, NULL) == 0);
    const int fd = open("old", O_CREAT | O_RDWR, 0600);
    MUST(fd >= 0);
    close(fd);
    set_timer(1500);
    paths();
    data();
    printf("%d wrong\n", wrong);
    int ends[2];
    char byte;
    MUST(pipe(ends) == 0);
    for (int i = 0; i < 20; i++)
        SHOW(read(ends[0], &byte, 1)); // nothing is there
    set_timer(0);
    return 0;
}
