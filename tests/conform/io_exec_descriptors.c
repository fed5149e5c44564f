// SPDX-License-Identifier: BSD-2-Clause
// Which descriptors an execve leaves open, with what offset and lock, and what else it keeps: directory, umask, limits.
// covers: execve
#include "show.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void look(void)
{
    char place[4096];
    struct rlimit limit;
    for (int fd = 3; fd < 40; fd++) {
        int flags = fcntl(fd, F_GETFD);
        if (flags >= 0)
            printf("%d is open, flags %d, offset %ld\n", fd, flags, (long)lseek(fd, 0, SEEK_CUR));
    }
    MUST(getcwd(place, sizeof place) && getrlimit(RLIMIT_NOFILE, &limit) == 0);
    printf("in %s, umask %o, limit %ld\n", strrchr(place, '/') + 1, umask(0), (long)limit.rlim_cur);
    SHOW(flock(open("../f", O_RDWR), LOCK_EX | LOCK_NB));
}

int main(int argc, char** argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1) {
        look();
        return 7;
    }
    for (int fd = 3; fd < 40; fd++)
        close(fd);
    int fd = open("f", O_RDWR | O_CREAT, 0600), ends[2];
    MUST(fd == 3 && write(fd, "0123456789", 10) == 10 && lseek(fd, 4, SEEK_SET) == 4 &&
         flock(fd, LOCK_EX) == 0);
    MUST(open("f", O_RDONLY | O_CLOEXEC) == 4 && dup3(3, 10, O_CLOEXEC) == 10 && dup2(10, 11) == 11);
    MUST(fcntl(3, F_DUPFD_CLOEXEC, 20) == 20 && pipe2(ends, O_CLOEXEC) == 0);
    MUST(fcntl(11, F_SETFD, FD_CLOEXEC) == 0 && fcntl(11, F_SETFD, 0) == 0);
    MUST(mkdir("d", 0700) == 0 && chdir("d") == 0);
    umask(027);
    MUST(setrlimit(RLIMIT_NOFILE, &(struct rlimit){100, 100}) == 0);
    SHOW(execl("/etc/passwd", "no", NULL));
    SHOW(execl("/nowhere", "no", NULL));
    SHOW(execl(".", "no", NULL));
    SHOW(execl("../f", "no", NULL));
    MUST(fcntl(4, F_GETFD) == FD_CLOEXEC); /* an exec that failed closed nothing */
    execl(argv[0], argv[0], "again", NULL);
    MUST(!"reached");
}
