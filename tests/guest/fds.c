/* SPDX-License-Identifier: BSD-2-Clause */
/* The program's descriptors are its own: nothing of the proxy's can be seen, closed or overwritten. */
#include "check.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
    struct rlimit files;
    struct stat info;
    int fd, i, limit;

    CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0);
    limit = files.rlim_cur < 70000 ? (int)files.rlim_cur : 70000;
    CHECK(close_range(3, ~0u, 0) == 0);
    for (fd = 3; fd < limit; fd++) {
        if (fcntl(fd, F_GETFD) != -1 || fstat(fd, &info) != -1) {
            fprintf(stderr, "descriptor %d is open\n", fd);
            return 1;
        }
    }
    CHECK_ERRNO(close(limit - 1), EBADF);
    CHECK_ERRNO(dup(limit - 1), EBADF);
    CHECK_ERRNO(dup2(limit - 1, 7), EBADF);
    CHECK_ERRNO(ioctl(limit - 1, 0), EBADF);
    fd = open("/dev/null", O_WRONLY);
    CHECK(fd == 3);
    /* Every number may be had by name. */
    for (i = limit - 1; i > limit - 40 && i > 3; i--)
        CHECK(dup2(fd, i) == i);
    for (i = limit - 1; i > limit - 40 && i > 3; i--)
        CHECK(write(i, "x", 1) == 1);
    for (i = limit - 1; i > limit - 40 && i > 3; i--)
        CHECK(close(i) == 0);
    CHECK(close_range(3, ~0u, 0) == 0);
    CHECK(open("/dev/null", O_RDONLY) == 3);
    printf("ok fds\n");
    return 0;
}
