// SPDX-License-Identifier: BSD-2-Clause
// Calls on sockets with SO_RCVTIMEO or SO_SNDTIMEO: signals that the program ignores make them no longer, a handler
// ends them with EINTR, and what comes in time is received.
// covers: rt_sigaction
#include "show.h"

#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int pair[2], listener;
static char big[1 << 20];

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Sends that signal to its parent, again and again for 4 s; after 0.6 s something to receive, if wanted. */
static pid_t disturb(int signo, int gives)
{
    pid_t parent = getpid(), pid = fork();

    if (pid != 0)
        return pid;
    for (int i = 0; i < 20; i++) {
        usleep(200000);
        if (kill(parent, signo) != 0)
            break;
        if (i == 2 && gives)
            MUST(write(pair[1], "abc", 3) == 3);
    }
    _exit(0);
}

static void over(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* 1.5 s is what the sockets wait; disturbed, and started anew each time, it would be more than 5. */
#define TIMED(call)                                                                                          \
    do {                                                                                                     \
        pid_t pid_ = disturb(SIGUSR1, 0);                                                                    \
        double start_ = now();                                                                               \
        SHOW(call);                                                                                          \
        printf("in its time: %d\n", now() - start_ > 1.3 && now() - start_ < 3.5);                           \
        over(pid_);                                                                                          \
    } while (0)

static void handler(int signo)
{
    (void)signo;
}

static void limit(int fd)
{
    struct timeval time = {1, 500000};

    MUST(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time) == 0);
    MUST(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time) == 0);
}

int main(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct iovec piece = {big, sizeof big};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    char byte;

    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGUSR1, SIG_IGN);
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    MUST(bind(listener, (struct sockaddr*)&address, sizeof address) == 0 && listen(listener, 1) == 0);
    limit(pair[0]);
    limit(listener);
    TIMED(recv(pair[0], &byte, 1, 0));
    TIMED(read(pair[0], &byte, 1));
    TIMED(recvmsg(pair[0], &message, 0));
    TIMED(accept(listener, NULL, NULL));
    pid_t pid = disturb(SIGUSR1, 1);
    SHOW(recv(pair[0], big, 3, 0));
    over(pid);
    while (send(pair[0], big, sizeof big, MSG_DONTWAIT) > 0)
        ;
    TIMED(send(pair[0], &byte, 1, 0));
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    MUST(sigaction(SIGUSR1, &action, NULL) == 0);
    pid = disturb(SIGUSR1, 0);
    SHOW(recv(pair[0], &byte, 1, 0));
    over(pid);
    return 0;
}
