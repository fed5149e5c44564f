// SPDX-License-Identifier: BSD-2-Clause
// Signals that a program ignores (SIGUSR1 by SIG_IGN, SIGCHLD and SIGWINCH by default) cut no call short that waits in
// Linux: all is written, sent and received that was asked for, whatever ends or is sent meanwhile.
// covers: rt_sigaction
#include "show.h"

#include <fcntl.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { total = 400000, page = 4096 };

static char big[total];
static atomic_int stop, takes_from, gives_to;
static atomic_long taken;

// What another process does to this one all the time.
static void* disturbs(void* unused)
{
    (void)unused;
    while (!stop) {
        pid_t child = fork();

        MUST(child >= 0);
        if (child == 0) {
            kill(getppid(), SIGUSR1);
            kill(getppid(), SIGWINCH);
            _exit(0);
        }
        MUST(waitpid(child, NULL, 0) == child);
        usleep(5000);
    }
    return NULL;
}

// Takes from a descriptor, a bit at a time, until as much has come as was asked for, or gives to one.
static void* slow_end(void* amount)
{
    static char piece[20000];

    for (long left = (long)amount; left > 0;) {
        long n = left < (long)sizeof piece ? left : (long)sizeof piece;

        usleep(8000);
        n = takes_from >= 0 ? read(takes_from, piece, (size_t)n) : write(gives_to, piece, (size_t)n);
        MUST(n > 0);
        left -= n;
        taken += n;
    }
    return NULL;
}

static pthread_t start(int takes, int gives, long amount)
{
    pthread_t thread;

    takes_from = takes;
    gives_to = gives;
    taken = 0;
    MUST(pthread_create(&thread, NULL, slow_end, (void*)amount) == 0);
    return thread;
}

// The call, and what the other end had taken once it had ended: all but what lay between the two at most.
#define WHILE_DISTURBED(takes, gives, amount, call)                                                          \
    do {                                                                                                     \
        pthread_t other_ = start(takes, gives, amount);                                                      \
        SHOW(call);                                                                                          \
        if (takes >= 0 && taken + 2 * 212992 < (amount))                                                     \
            printf("only %ld of it\n", (long)taken);                                                         \
        close_if_short(other_);                                                                              \
    } while (0)

static void close_if_short(pthread_t other)
{
    struct timespec limit;

    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 5;
    if (pthread_timedjoin_np(other, NULL, &limit) != 0) {
        printf("the other end still waits\n");
        fflush(stdout);
        _Exit(1);
    }
}

static void* ring(int fd, size_t bytes, off_t which)
{
    void* at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, which);

    MUST(at != MAP_FAILED);
    return at;
}

// A read of a pipe to which nobody writes for a while: io_uring_enter has it completed, or says EINTR.
static void waits_in_io_uring(int from, int to)
{
    struct io_uring_params p = {0};
    const int fd = (int)syscall(SYS_io_uring_setup, 1, &p);

    MUST(fd >= 0);
    char* sq = ring(fd, p.sq_off.array + 4, IORING_OFF_SQ_RING);
    char* cq = ring(fd, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
    struct io_uring_sqe* sqe = ring(fd, sizeof(*sqe), IORING_OFF_SQES);

    *sqe = (struct io_uring_sqe){
        .opcode = IORING_OP_READ, .fd = from, .addr = (unsigned long)big, .len = 20000, .off = -1ul};
    *(unsigned*)(void*)(sq + p.sq_off.array) = 0;
    atomic_fetch_add((_Atomic unsigned*)(void*)(sq + p.sq_off.tail), 1);
    usleep(20000);
    pthread_t other = start(-1, to, 20000);
    SHOW(syscall(SYS_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0));
    printf("completed: %u\n", atomic_load((_Atomic unsigned*)(void*)(cq + p.cq_off.tail)));
    close_if_short(other);
    close(fd);
}

// What falls short for another reason stays as it is: a datagram is all that there is of it.
static void takes_datagrams(void)
{
    int pair[2];
    struct iovec piece = {big, total};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};

    MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
    alarm(20);
    for (int i = 0; i < 2; i++)
        MUST(send(pair[1], big, 100, 0) == 100);
    SHOW(recv(pair[0], big, total, MSG_WAITALL));
    SHOW(recvmsg(pair[0], &message, MSG_WAITALL));
    alarm(0);
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    int ends[2], in[2], pair[2];
    const int file = open("data", O_CREAT | O_RDWR, 0600);
    struct iovec pieces[3] = {{big, 100000}, {big + 100000, 1}, {big + 100001, total - 100001}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 3};
    off_t at = 0;
    pthread_t disturber;

    setvbuf(stdout, NULL, _IOLBF, 0);
    MUST(file >= 0 && write(file, big, total) == total && pipe(ends) == 0 && pipe(in) == 0);
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    takes_datagrams();
    signal(SIGUSR1, SIG_IGN);
    MUST(pthread_create(&disturber, NULL, disturbs, NULL) == 0);
    for (int i = 0; i < 3; i++)
        WHILE_DISTURBED(ends[0], -1, total, write(ends[1], big, total));
    WHILE_DISTURBED(ends[0], -1, total, writev(ends[1], pieces, 3));
    WHILE_DISTURBED(pair[0], -1, total, sendfile(pair[1], file, &at, total));
    printf("at %ld\n", (long)at);
    WHILE_DISTURBED(pair[0], -1, total, write(pair[1], big, total));
    WHILE_DISTURBED(pair[0], -1, total, send(pair[1], big, total, 0));
    WHILE_DISTURBED(pair[0], -1, total, sendmsg(pair[1], &message, 0));
    WHILE_DISTURBED(-1, pair[0], total, recv(pair[1], big, total, MSG_WAITALL));
    WHILE_DISTURBED(-1, pair[0], total, recvmsg(pair[1], &message, MSG_WAITALL));
    waits_in_io_uring(in[0], in[1]);
    stop = 1;
    pthread_join(disturber, NULL);
    return 0;
}
