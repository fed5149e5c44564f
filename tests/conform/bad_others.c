// SPDX-License-Identifier: BSD-2-Clause
// Calls on sockets, events, time and the process that Linux makes for the program, with bad pointers.
// covers: socketpair, bind, connect, accept, accept4, getsockname, getpeername, getsockopt, setsockopt
// covers: sendto, recvfrom, sendmsg, recvmsg, sendmmsg, recvmmsg, poll, ppoll, select, pselect6, epoll_ctl
// covers: epoll_wait, epoll_pwait, timerfd_settime, timerfd_gettime, nanosleep, clock_nanosleep
// covers: clock_getres, gettimeofday, time, uname, sysinfo, getgroups, setgroups, getresuid, capget, wait4
// covers: waitid, getrandom, process_vm_readv, process_vm_writev, semop, msgsnd, msgrcv, mq_open
// covers: sched_getparam, sched_getattr, sched_rr_get_interval
#include "bad.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#define SKIP_NULL (1 << BAD_NULL)
#define SKIP_READONLY (1 << BAD_READONLY)
#define SKIP_EDGES (1 << BAD_EDGE | 1 << BAD_EDGE_NONE)

static const struct bad_row sockets[] = {
    {"socketpair", SYS_socketpair, 8, {AF_UNIX, SOCK_STREAM, 0, P}, 0},
    {"bind", SYS_bind, 16, {FD, P, 16}, 0},
    {"connect", SYS_connect, 16, {FD, P, 16}, 0},
    {"getsockname", SYS_getsockname, 16, {FD, P, GOOD}, 0},
    {"getsockname length", SYS_getsockname, 4, {FD, GOOD, P}, 0},
    {"getpeername length", SYS_getpeername, 4, {FD, GOOD, P}, 0},
    {"getsockopt", SYS_getsockopt, 4, {FD, SOL_SOCKET, SO_TYPE, GOOD, P}, 0},
    {"setsockopt", SYS_setsockopt, 4, {FD, SOL_SOCKET, SO_RCVBUF, P, 4}, 0},
    {"sendto", SYS_sendto, 16, {FD, P, 16, MSG_DONTWAIT, 0, 0}, 0},
    {"recvfrom empty", SYS_recvfrom, 16, {FD, P, 16, MSG_DONTWAIT, 0, 0}, 0},
    {"sendmsg", SYS_sendmsg, sizeof(struct msghdr), {FD, P, MSG_DONTWAIT}, 0},
    {"recvmsg", SYS_recvmsg, sizeof(struct msghdr), {FD, P, MSG_DONTWAIT}, 0},
    {"sendmmsg", SYS_sendmmsg, sizeof(struct mmsghdr), {FD, P, 1, MSG_DONTWAIT}, 0},
    {"recvmmsg", SYS_recvmmsg, sizeof(struct mmsghdr), {FD, P, 1, MSG_DONTWAIT, 0}, 0},
    {"recvmmsg time", SYS_recvmmsg, 16, {FD, GOOD, 1, MSG_DONTWAIT, P}, SKIP_NULL},
    {"accept", SYS_accept, 16, {FD, P, GOOD}, 0},
    {"accept4 flags", SYS_accept4, 16, {FD, P, GOOD, 0x123}, 0},
};

static const struct bad_row events[] = {
    {"poll", SYS_poll, 8, {P, 1, 0}, 0},
    {"poll count", SYS_poll, 8, {P, -1, 0}, 0},
    {"poll none", SYS_poll, 8, {P, 0, 0}, 0},
    {"ppoll fds", SYS_ppoll, 8, {P, 1, GOOD, 0, 8}, 0},
    {"ppoll time", SYS_ppoll, 16, {GOOD, 1, P, 0, 8}, SKIP_NULL},
    {"ppoll mask", SYS_ppoll, 8, {GOOD, 1, GOOD2, P, 8}, 0},
    {"ppoll mask size", SYS_ppoll, 8, {GOOD, 1, GOOD2, P, 7}, 0},
    {"select read", SYS_select, 8, {1, P, 0, 0, GOOD}, 0},
    {"select time", SYS_select, 16, {1, 0, 0, 0, P}, SKIP_NULL},
    {"select count", SYS_select, 8, {-1, P, 0, 0, GOOD}, 0},
    {"pselect6 mask", SYS_pselect6, 16, {1, 0, 0, 0, GOOD, P}, 0},
    {"epoll_ctl", SYS_epoll_ctl, 12, {FD, EPOLL_CTL_ADD, FD2, P}, SKIP_READONLY},
    {"epoll_wait", SYS_epoll_wait, 12, {FD, P, 1, 0}, 0},
    {"epoll_wait count", SYS_epoll_wait, 12, {FD, P, 0, 0}, 0},
    {"epoll_pwait mask", SYS_epoll_pwait, 8, {FD, GOOD, 1, 0, P, 8}, 0},
};

static const struct bad_row times[] = {
    {"timerfd_settime", SYS_timerfd_settime, 32, {FD, 0, P, 0}, 0},
    {"timerfd_settime old", SYS_timerfd_settime, 32, {FD, 0, GOOD, P}, 0},
    {"timerfd_gettime", SYS_timerfd_gettime, 32, {FD, P}, 0},
    {"nanosleep", SYS_nanosleep, 16, {P, 0}, 0},
    {"nanosleep left", SYS_nanosleep, 16, {GOOD, P}, 0},
    {"clock_nanosleep", SYS_clock_nanosleep, 16, {CLOCK_MONOTONIC, 0, P, 0}, 0},
    {"clock_nanosleep clock", SYS_clock_nanosleep, 16, {99, 0, P, 0}, 0},
    {"clock_getres", SYS_clock_getres, 16, {CLOCK_REALTIME, P}, 0},
    {"gettimeofday", SYS_gettimeofday, 16, {P, 0}, 0},
    {"gettimeofday zone", SYS_gettimeofday, 8, {0, P}, 0},
    {"time", SYS_time, 8, {P}, 0},
};

static const struct bad_row process[] = {
    {"uname", SYS_uname, sizeof(struct utsname), {P}, 0},
    {"sysinfo", SYS_sysinfo, sizeof(struct sysinfo), {P}, 0},
    {"getgroups", SYS_getgroups, 4, {65536, P}, 0},
    {"getresuid", SYS_getresuid, 4, {P, GOOD, GOOD}, 0},
    {"getresgid", SYS_getresgid, 4, {GOOD, GOOD, P}, 0},
    {"capget", SYS_capget, 8, {P, GOOD}, 0},
    {"wait4 status", SYS_wait4, 4, {-1, P, WNOHANG, 0}, 0},
    {"wait4 options", SYS_wait4, 4, {-1, P, 0x7000, 0}, 0},
    {"waitid", SYS_waitid, 128, {P_ALL, 0, P, WNOHANG | WEXITED, 0}, 0},
    {"getrandom", SYS_getrandom, 16, {P, 16, 0}, 0},
    {"getrandom flags", SYS_getrandom, 16, {P, 16, 0x70}, 0},
    {"sched_getparam", SYS_sched_getparam, 4, {0, P}, 0},
    {"sched_getattr", SYS_sched_getattr, 48, {0, P, 48, 0}, 0},
    {"sched_rr_get_interval", SYS_sched_rr_get_interval, 16, {0, P}, 0},
    {"semop", SYS_semop, 6, {FD, P, 1}, SKIP_READONLY},
    {"msgsnd", SYS_msgsnd, 16, {FD2, P, 8, IPC_NOWAIT}, SKIP_READONLY},
    {"msgrcv", SYS_msgrcv, 16, {FD2, P, 8, 0, IPC_NOWAIT}, 0},
    {"mq_open", SYS_mq_open, 64, {P, 0, 0, 0}, 0},
};

/* One copy between the good page and each of the bad ones. */
static void vm_copies(void)
{
    static char good[256];
    for (int kind = 0; kind < BADS; kind++) {
        struct iovec local = {good, 100}, remote = {(void*)bad_pointer(kind, 100), 100};
        printf("process_vm %s:", bad_names[kind]);
        long n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
        printf(" readv=%s", n < 0 ? strerrorname_np(errno) : n == 100 ? "all" : "part");
        n = process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
        printf(" writev=%s", n < 0 ? strerrorname_np(errno) : n == 100 ? "all" : "part");
        n = process_vm_readv(getpid(), &remote, 1, &local, 1, 0);
        printf(" into=%s", n < 0 ? strerrorname_np(errno) : n == 100 ? "all" : "part");
        n = process_vm_readv(getpid(), (void*)bad_pointer(kind, 16), 1, &local, 1, 0);
        printf(" list=%s\n", n < 0 ? strerrorname_np(errno) : n == 100 ? "all" : "part");
    }
    struct iovec one = {good, 100};
    SHOW(process_vm_readv(getpid(), &one, 1, &one, 1, 1));
    SHOW(process_vm_readv(0x3fffffff, &one, 1, &one, 1, 0));
}

#define RUN(rows, fd, fd2)                                                                                   \
    printf("-- %s\n", #rows);                                                                                \
    bad_run(rows, sizeof(rows) / sizeof(rows)[0], fd, fd2)

int main(void)
{
    int pair[2];
    setvbuf(stdout, NULL, _IOLBF, 1 << 16);
    bad_init();
    int epoll = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, 0);
    int sem = semget(IPC_PRIVATE, 1, 0600), queue = msgget(IPC_PRIVATE, 0600);
    MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0 && epoll >= 0 && timer >= 0 && sem >= 0 && queue >= 0);
    RUN(sockets, pair[0], pair[1]);
    RUN(events, epoll, pair[0]);
    RUN(times, timer, -1);
    RUN(process, sem, queue);
    vm_copies();
    semctl(sem, 0, IPC_RMID);
    msgctl(queue, IPC_RMID, NULL);
    return 0;
}
