// SPDX-License-Identifier: BSD-2-Clause
// The limit of descriptors is the program's own: how many it can open, which numbers come, and what they mean.
// covers: getrlimit, setrlimit, prlimit64
#include "show.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

static int open_all(void)
{
    int count = 0, fd, last = 2;
    while ((fd = open("/dev/null", O_RDONLY)) >= 0) {
        if (fd != last + 1)
            printf("%d follows %d\n", fd, last);
        last = fd;
        count++;
    }
    printf("%d opened, last %d, then %s\n", count, last, strerrorname_np(errno));
    return last;
}

int main(void)
{
    struct rlimit limit = {64, 128};
    /* What the caller left open is not the matter here. */
    for (int fd = 3; fd < 1000; fd++)
        close(fd);
    SHOW(setrlimit(RLIMIT_NOFILE, &limit));
    open_all();
    SHOW(dup(0));
    SHOW(fcntl(0, F_DUPFD, 64));
    SHOW(fcntl(0, F_DUPFD, 63));
    SHOW(dup2(0, 64));
    SHOW(dup2(0, 63));
    SHOW(dup2(0, -1));
    SHOW(dup3(0, 0, 0));
    SHOW(dup3(0, 5, 0x1234));
    SHOW(pipe((int[2]){0}));
    SHOW(close(10));
    SHOW(pipe((int[2]){0}));
    SHOW(open("/dev/null", O_RDONLY));
    SHOW(syscall(436, 20, 30, 0)); /* close_range */
    SHOW(open("/dev/null", O_RDONLY));
    limit.rlim_cur = 128;
    SHOW(setrlimit(RLIMIT_NOFILE, &limit));
    SHOW(dup2(0, 127));
    SHOW(fcntl(127, F_GETFD));
    limit.rlim_cur = 129;
    SHOW(setrlimit(RLIMIT_NOFILE, &limit));
    SHOW(getrlimit(RLIMIT_NOFILE, &limit));
    printf("%lu %lu\n", limit.rlim_cur, limit.rlim_max);
    limit.rlim_cur = 10;
    SHOW(setrlimit(RLIMIT_NOFILE, &limit));
    SHOW(fcntl(127, F_GETFD)); /* what is open stays */
    SHOW(open("/dev/null", O_RDONLY));
    SHOW(syscall(436, 3, ~0u, 0));
    open_all();
    return 0;
}
