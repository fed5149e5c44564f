// SPDX-License-Identifier: BSD-2-Clause
// A peer resets the connection while a call has done a part, in the course of which signals came that the program
// ignores: the call gives the part, and the next one the error, without a SIGPIPE before.
// covers: rt_sigaction
#include "show.h"

#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { total = 32 << 20 };

static char* big;
static volatile sig_atomic_t broken;

static void on_pipe(int signo)
{
    (void)signo;
    broken++;
}

/* The peer: takes or gives a little, disturbs, takes or gives some more, disturbs, and resets. */
static int connect_to_peer(int gives, pid_t* pid)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct linger reset = {1, 0};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0), small = 65536;
    pid_t parent = getpid();

    MUST(setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
    MUST(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small) == 0);
    MUST(bind(listener, (struct sockaddr*)&address, sizeof address) == 0 && listen(listener, 1) == 0);
    MUST(getsockname(listener, (struct sockaddr*)&address, &size) == 0);
    *pid = fork();
    if (*pid == 0) {
        int peer = accept(listener, NULL, NULL);

        for (int i = 0; i < 4; i++) {
            usleep(100000);
            MUST(gives ? write(peer, big, 1000) > 0 : read(peer, big, 1000) > 0);
            usleep(100000);
            kill(parent, SIGUSR1);
        }
        usleep(300000);
        MUST(setsockopt(peer, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) == 0);
        _exit(close(peer));
    }
    close(listener);
    MUST(connect(fd, (struct sockaddr*)&address, sizeof address) == 0);
    return fd;
}

/* how: which call does a part; the next one shows the error. */
static void try(const char* what, int how)
{
    struct iovec pieces[2] = {{big, 1000000}, {big + 1000000, total - 1000000}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    pid_t pid;
    int fd = connect_to_peer(how >= 4, &pid);
    long n = how == 0   ? write(fd, big, total)
             : how == 1 ? send(fd, big, total, 0)
             : how == 2 ? writev(fd, pieces, 2)
             : how == 3 ? sendmsg(fd, &message, 0)
             : how == 4 ? recv(fd, big, total, MSG_WAITALL)
                        : recvmsg(fd, &message, MSG_WAITALL);

    printf("%s gave a part: %d; SIGPIPE: %d\n", what, n > 0 && n < total, broken);
    if (how >= 4)
        printf("all that came: %d\n", n == 4000);
    SHOW(how >= 4 ? recv(fd, big, 1, 0) : send(fd, big, 1, 0));
    printf("SIGPIPE: %d\n", broken);
    SHOW(how >= 4 ? recv(fd, big, 1, 0) : send(fd, big, 1, 0));
    printf("SIGPIPE: %d\n", broken);
    broken = 0;
    close(fd);
    waitpid(pid, NULL, 0);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    big = calloc(1, total);
    MUST(big);
    signal(SIGUSR1, SIG_IGN);
    signal(SIGPIPE, on_pipe);
    try("write", 0);
    try("send", 1);
    try("writev", 2);
    try("sendmsg", 3);
    try("recv", 4);
    try("recvmsg", 5);
    return 0;
}
