// SPDX-License-Identifier: BSD-2-Clause
// eventfd, timerfd, inotify, pipes and sockets in one epoll: level and edge, one shot, exclusive, nested.
// covers: eventfd2, timerfd_create, inotify_init1, epoll_create1
#include "show.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

static int epoll;

static void add(int fd, unsigned events, unsigned tag)
{
    MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = events, .data.u32 = tag}) == 0);
}

static void ready(const char* when)
{
    struct epoll_event events[16];
    unsigned seen[8] = {0};
    int n = epoll_wait(epoll, events, 16, 0);
    for (int i = 0; i < n; i++)
        seen[events[i].data.u32] = events[i].events;
    printf("%s: %d ready", when, n);
    for (int i = 0; i < 8; i++)
        printf(" %x", seen[i]);
    printf("\n");
}

int main(void)
{
    int ends[2], pair[2], nested = epoll_create1(0);
    int event = eventfd(0, EFD_NONBLOCK), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    int watch = inotify_init1(IN_NONBLOCK);
    uint64_t value;
    char buffer[4096];

    MUST((epoll = epoll_create1(EPOLL_CLOEXEC)) >= 0 && pipe(ends) == 0 && event >= 0 && timer >= 0);
    MUST(watch >= 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    add(event, EPOLLIN | EPOLLET, 0);
    add(timer, EPOLLIN, 1);
    add(watch, EPOLLIN, 2);
    add(ends[0], EPOLLIN | EPOLLONESHOT, 3);
    add(pair[0], EPOLLIN | EPOLLOUT | EPOLLRDHUP, 4);
    add(nested, EPOLLIN, 5);
    ready("at first");
    SHOW(epoll_ctl(epoll, EPOLL_CTL_ADD, event, &(struct epoll_event){0}));
    SHOW(epoll_ctl(epoll, EPOLL_CTL_ADD, epoll, &(struct epoll_event){0}));
    SHOW(epoll_ctl(epoll, EPOLL_CTL_MOD, 0, &(struct epoll_event){0}));

    MUST(write(event, &(uint64_t){5}, 8) == 8);
    ready("event, edge");
    ready("event, no new edge");
    SHOW(read(event, &value, 8));
    printf("value %lu\n", value);
    SHOW(read(event, &value, 8));
    SHOW(write(event, &(uint64_t){-1ul}, 8));
    SHOW(write(event, &(uint64_t){-2ul}, 8));
    SHOW(write(event, &(uint64_t){1}, 8));

    MUST(write(ends[1], "ab", 2) == 2);
    ready("pipe, one shot");
    ready("pipe, shot");
    MUST(epoll_ctl(epoll, EPOLL_CTL_MOD, ends[0], &(struct epoll_event){.events = EPOLLIN, .data.u32 = 3}) ==
         0);
    ready("pipe, armed");
    MUST(read(ends[0], buffer, 10) == 2 && close(ends[1]) == 0);
    ready("pipe, hung up");

    MUST(timerfd_settime(timer, 0, &(struct itimerspec){{0, 0}, {0, 20000000}}, NULL) == 0);
    poll(&(struct pollfd){timer, POLLIN, 0}, 1, 5000);
    ready("timer");
    SHOW(read(timer, &value, 8));
    printf("expired %lu\n", value);
    SHOW(read(timer, &value, 8));

    SHOW(inotify_add_watch(watch, ".", IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_CLOSE_WRITE));
    close(open("file", O_CREAT | O_WRONLY, 0600));
    rename("file", "other");
    unlink("other");
    ready("inotify");
    long n = read(watch, buffer, sizeof buffer);
    for (char* at = buffer; at < buffer + n;) {
        struct inotify_event* one = (struct inotify_event*)at;
        printf("inotify %x %s\n", one->mask, one->len ? one->name : "");
        at += sizeof *one + one->len;
    }
    SHOW(read(watch, buffer, sizeof buffer));

    MUST(shutdown(pair[1], SHUT_WR) == 0);
    ready("half closed");
    MUST(epoll_ctl(nested, EPOLL_CTL_ADD, pair[1], &(struct epoll_event){.events = EPOLLOUT}) == 0);
    ready("nested");
    close(pair[0]);
    ready("a member closed");
    return 0;
}
