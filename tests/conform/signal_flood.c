// SPDX-License-Identifier: BSD-2-Clause
// A process that others flood with queued signals gets on with its reads of a signalfd, and finds another signal that
// comes among them; what the flood leaves is read at once.
// covers: rt_sigqueueinfo, signalfd4
#include "show.h"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static pid_t flood(int signo)
{
    pid_t parent = getpid(), pid = fork();

    for (int i = 0; pid == 0; i++)
        if (sigqueue(parent, signo, (union sigval){.sival_int = i}) != 0 && errno != EAGAIN)
            _exit(0);
    return pid;
}

static void over(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void by_signalfd(void)
{
    struct signalfd_siginfo info;
    sigset_t set;
    int fd, reads = 0, others = 0;
    double start;
    pid_t pids[3];

    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigaddset(&set, SIGUSR1);
    MUST(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    fd = signalfd(-1, &set, 0);
    for (int i = 0; i < 3; i++)
        pids[i] = flood(SIGRTMIN);
    start = now();
    for (; reads < 200; reads++)
        MUST(read(fd, &info, sizeof info) == sizeof info);
    printf("200 reads, in time: %d\n", now() - start < 5);
    kill(getpid(), SIGUSR1);
    start = now();
    for (int i = 0; i < 200 && others == 0; i++) {
        MUST(read(fd, &info, sizeof info) == sizeof info);
        others += info.ssi_signo == SIGUSR1;
    }
    printf("another one: %d, in time: %d\n", others, now() - start < 5);
    for (int i = 0; i < 3; i++)
        over(pids[i]);
    /* what is left is there at once */
    while (poll(&(struct pollfd){fd, POLLIN, 0}, 1, 0) == 1)
        MUST(read(fd, &info, sizeof info) == sizeof info);
    close(fd);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int main(void)
{
    struct rlimit few = {500, 500};

    setvbuf(stdout, NULL, _IOLBF, 0);
    MUST(setrlimit(RLIMIT_SIGPENDING, &few) == 0);
    by_signalfd();
    return 0;
}
