// SPDX-License-Identifier: BSD-2-Clause
// A pair of Unix stream sockets: both directions, ends, poll, shutdown, sizes, options, between processes and alone.
#include "show.h"
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int pair[2];

static void fresh(int flags)
{
    MUST(socketpair(AF_UNIX, SOCK_STREAM | flags, 0, pair) == 0);
}

static void close_both(void)
{
    close(pair[0]);
    close(pair[1]);
}

static void show_events(const char* when, int fd)
{
    struct pollfd item = {fd, POLLIN | POLLOUT | POLLRDHUP, 0};
    MUST(poll(&item, 1, 0) >= 0);
    printf("%s: %s%s%s%s%s\n", when, item.revents & POLLIN ? "in " : "", item.revents & POLLOUT ? "out " : "",
           item.revents & POLLRDHUP ? "rdhup " : "", item.revents & POLLHUP ? "hup " : "",
           item.revents & POLLERR ? "err" : "");
}

static void both_ways(void)
{
    char text[16] = "";
    fresh(0);
    SHOW(write(pair[0], "there", 5));
    SHOW(send(pair[1], "back", 4, 0));
    show_events("with something", pair[0]);
    int waiting = 0;
    SHOW(ioctl(pair[0], FIONREAD, &waiting));
    printf("%d wait\n", waiting);
    SHOW(read(pair[0], text, sizeof text));
    printf("%s\n", text);
    SHOW(recv(pair[1], text, 2, 0));
    SHOW(recv(pair[1], text + 2, 3, MSG_WAITALL));
    printf("%s\n", text);
    show_events("with nothing", pair[0]);
    SHOW(recv(pair[0], text, 1, MSG_DONTWAIT));
    struct iovec parts[2] = {{"one ", 4}, {"two", 3}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    SHOW(sendmsg(pair[0], &message, 0));
    char first[4], second[8] = "";
    struct iovec into[2] = {{first, 4}, {second, 8}};
    message.msg_iov = into;
    SHOW(recvmsg(pair[1], &message, 0));
    printf("%.4s%s, flags %x, control %zu\n", first, second, message.msg_flags, message.msg_controllen);
    close_both();
}

static void ends(void)
{
    char text[8];
    fresh(0);
    MUST(write(pair[0], "last", 4) == 4);
    SHOW(shutdown(pair[0], SHUT_WR));
    SHOW(send(pair[0], "x", 1, MSG_NOSIGNAL));
    SHOW(read(pair[1], text, sizeof text));
    SHOW(read(pair[1], text, sizeof text));
    show_events("the other does not write", pair[1]);
    SHOW(write(pair[1], "y", 1));
    SHOW(read(pair[0], text, sizeof text));
    SHOW(shutdown(pair[1], 3));
    close(pair[1]);
    show_events("the other has gone", pair[0]);
    SHOW(read(pair[0], text, sizeof text));
    SHOW(send(pair[0], "x", 1, MSG_NOSIGNAL));
    close(pair[0]);
    fresh(0);
    close(pair[1]);
    const pid_t child = fork();
    if (child == 0) {
        write(pair[0], "x", 1);
        _exit(0);
    }
    int status = 0;
    MUST(waitpid(child, &status, 0) == child);
    printf("killed by SIGPIPE: %d\n", WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
    close(pair[0]);
}

static void between_processes(void)
{
    enum { bytes = 3000000 };
    fresh(SOCK_CLOEXEC);
    const pid_t child = fork();
    if (child == 0) {
        char piece[10000];
        close(pair[0]);
        long sum = 0, got;
        while ((got = read(pair[1], piece, sizeof piece)) > 0)
            for (long i = 0; i < got; i++)
                sum += (unsigned char)piece[i];
        MUST(write(pair[1], &sum, sizeof sum) == sizeof sum);
        _exit(0);
    }
    close(pair[1]);
    long sent = 0, sum = 0, told = 0;
    while (sent < bytes) {
        char piece[7001];
        for (size_t i = 0; i < sizeof piece; i++)
            piece[i] = (char)(sent + i);
        const long put = write(pair[0], piece, sizeof piece);
        MUST(put > 0);
        for (long i = 0; i < put; i++)
            sum += (unsigned char)piece[i];
        sent += put;
    }
    shutdown(pair[0], SHUT_WR);
    MUST(read(pair[0], &told, sizeof told) == sizeof told);
    printf("the child has got all of it: %d\n", sum == told);
    MUST(waitpid(child, NULL, 0) == child);
    close(pair[0]);
}

static void questions(void)
{
    struct stat about;
    struct sockaddr_storage name;
    socklen_t length = sizeof name;
    int value = -1;
    fresh(SOCK_NONBLOCK);
    SHOW(fstat(pair[0], &about));
    printf("socket: %d\n", S_ISSOCK(about.st_mode));
    SHOW(getsockname(pair[0], (struct sockaddr*)&name, &length));
    printf("family %d, %u bytes\n", name.ss_family, length);
    length = sizeof value;
    SHOW(getsockopt(pair[0], SOL_SOCKET, SO_TYPE, &value, &length));
    printf("type %d\n", value);
    SHOW(getsockopt(pair[0], SOL_SOCKET, SO_ERROR, &value, &length));
    printf("error %d\n", value);
    char byte;
    SHOW(read(pair[0], &byte, 1));
    SHOW(lseek(pair[0], 0, SEEK_SET));
    SHOW(pread(pair[0], &byte, 1, 0));
    SHOW(send(0, "x", 1, 0));
    SHOW(send(-1, "x", 1, 0));
    SHOW(socketpair(AF_UNIX, 77, 0, pair));
    SHOW(socketpair(AF_UNIX, SOCK_STREAM, 0, NULL));
    close_both();
}

int main(void)
{
    both_ways();
    ends();
    between_processes();
    questions();
    return 0;
}
