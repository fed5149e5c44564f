/* SPDX-License-Identifier: BSD-2-Clause */
/* io_uring by its system calls: rings in memory that both kernels write, reads and writes into the program's memory,
 * waits that end by a timeout or by another thread, completions that are polled for in memory only, errors. */
#include "show.h"

#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/time_types.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { entries = 16, page = 4096 };

struct uring {
    int fd;
    unsigned *sq_tail, *sq_array, *cq_head, *cq_tail;
    unsigned sq_mask, cq_mask;
    struct io_uring_sqe* sqes;
    struct io_uring_cqe* cqes;
};

static int setup(unsigned n, struct io_uring_params* p)
{
    return (int)syscall(SYS_io_uring_setup, n, p);
}

static long enter(struct uring* u, unsigned submit, unsigned wait)
{
    return syscall(SYS_io_uring_enter, u->fd, submit, wait, wait ? IORING_ENTER_GETEVENTS : 0, NULL, 0);
}

static void* ring(int fd, size_t bytes, off_t which)
{
    void* at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, which);

    MUST(at != MAP_FAILED);
    return at;
}

static void make(struct uring* u, unsigned flags)
{
    struct io_uring_params p = {.flags = flags, .sq_thread_idle = 100};
    char *sq, *cq;

    u->fd = setup(entries, &p);
    MUST(u->fd >= 0);
    sq = ring(u->fd, p.sq_off.array + p.sq_entries * 4, IORING_OFF_SQ_RING);
    cq = ring(u->fd, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
    u->sqes = ring(u->fd, p.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
    u->sq_tail = (unsigned*)(sq + p.sq_off.tail);
    u->sq_mask = *(unsigned*)(sq + p.sq_off.ring_mask);
    u->sq_array = (unsigned*)(sq + p.sq_off.array);
    u->cq_head = (unsigned*)(cq + p.cq_off.head);
    u->cq_tail = (unsigned*)(cq + p.cq_off.tail);
    u->cq_mask = *(unsigned*)(cq + p.cq_off.ring_mask);
    u->cqes = (struct io_uring_cqe*)(cq + p.cq_off.cqes);
    printf("entries %u and %u\n", p.sq_entries, p.cq_entries);
}

static void put(struct uring* u, struct io_uring_sqe sqe)
{
    unsigned tail = *u->sq_tail, i = tail & u->sq_mask;

    u->sqes[i] = sqe;
    u->sq_array[i] = i;
    __atomic_store_n(u->sq_tail, tail + 1, __ATOMIC_RELEASE);
}

static struct io_uring_cqe get(struct uring* u)
{
    unsigned head = *u->cq_head;
    struct io_uring_cqe cqe;

    while (__atomic_load_n(u->cq_tail, __ATOMIC_ACQUIRE) == head)
        sched_yield();
    cqe = u->cqes[head & u->cq_mask];
    __atomic_store_n(u->cq_head, head + 1, __ATOMIC_RELEASE);
    return cqe;
}

static void show_one(struct uring* u, const char* what)
{
    struct io_uring_cqe cqe = get(u);

    if (cqe.res < 0)
        printf("%s: %llu %s\n", what, (unsigned long long)cqe.user_data, strerrorname_np(-cqe.res));
    else
        printf("%s: %llu %d\n", what, (unsigned long long)cqe.user_data, cqe.res);
}

static struct io_uring_sqe operation(unsigned char op, int fd, const void* at, unsigned len,
                                     unsigned long offset, unsigned long tag)
{
    return (struct io_uring_sqe){
        .opcode = op, .fd = fd, .addr = (unsigned long)at, .len = len, .off = offset, .user_data = tag};
}

static void files(struct uring* u)
{
    static char text[3 * page], back[3 * page];
    int fd = open("uring.data", O_CREAT | O_RDWR, 0600);

    for (unsigned i = 0; i < sizeof(text); i++)
        text[i] = (char)(i * 7 + i / 256);
    put(u, operation(IORING_OP_NOP, -1, NULL, 0, 0, 1));
    SHOW(enter(u, 1, 1));
    show_one(u, "nop");
    put(u, operation(IORING_OP_WRITE, fd, text, sizeof(text), 0, 2));
    SHOW(enter(u, 1, 1));
    show_one(u, "write");
    put(u, operation(IORING_OP_READ, fd, back, sizeof(back), 0, 3));
    SHOW(enter(u, 1, 1));
    show_one(u, "read");
    printf("the same: %d\n", memcmp(text, back, sizeof(text)) == 0);
    put(u, operation(IORING_OP_READ, fd, (void*)8, 100, 0, 4));
    SHOW(enter(u, 1, 1));
    show_one(u, "read to nowhere");
    put(u, operation(IORING_OP_READ, 999, back, 100, 0, 5));
    SHOW(enter(u, 1, 1));
    show_one(u, "no such file");
    close(fd);
}

static void* writes_later(void* arg)
{
    usleep(50000);
    MUST(write(*(int*)arg, "x", 1) == 1);
    return NULL;
}

static void waits(struct uring* u)
{
    struct __kernel_timespec soon = {.tv_nsec = 20000000};
    char c = 0;
    int fds[2];
    pthread_t t;

    MUST(pipe(fds) == 0);
    put(u, operation(IORING_OP_TIMEOUT, -1, &soon, 1, 0, 10));
    SHOW(enter(u, 1, 1));
    show_one(u, "timeout");
    /* Completed while we look at memory only. */
    put(u, operation(IORING_OP_READ, fds[0], &c, 1, 0, 11));
    SHOW(enter(u, 1, 0));
    MUST(pthread_create(&t, NULL, writes_later, &fds[1]) == 0);
    show_one(u, "read of a pipe");
    printf("%c\n", c);
    pthread_join(t, NULL);
    {
        struct io_uring_sqe sqe = operation(IORING_OP_POLL_ADD, fds[0], NULL, 0, 0, 12);

        sqe.poll32_events = POLLIN;
        put(u, sqe);
        MUST(pthread_create(&t, NULL, writes_later, &fds[1]) == 0);
        SHOW(enter(u, 1, 1));
        show_one(u, "poll");
        pthread_join(t, NULL);
    }
}

/* Kernel threads of Linux read and write our memory, and nobody calls. */
static void kernel_thread(void)
{
    struct uring u;
    static char text[page];
    int fds[2];

    MUST(pipe(fds) == 0);
    make(&u, IORING_SETUP_SQPOLL);
    strcpy(text, "by the kernel's own thread");
    put(&u, operation(IORING_OP_WRITE, fds[1], text, (unsigned)strlen(text), 0, 20));
    SHOW(syscall(SYS_io_uring_enter, u.fd, 1, 0, IORING_ENTER_SQ_WAKEUP, NULL, 0));
    show_one(&u, "sqpoll");
    memset(text, 0, sizeof(text));
    printf("%zd", read(fds[0], text, sizeof(text)));
    printf(" %s\n", text);
    close(u.fd);
}

static void errors(void)
{
    struct io_uring_params p = {0};
    struct uring none = {.fd = 0};

    SHOW(setup(0, &p));
    SHOW(setup(8, NULL));
    p.flags = 1u << 31;
    SHOW(setup(8, &p));
    SHOW(enter(&none, 1, 0));
    none.fd = 999;
    SHOW(enter(&none, 1, 0));
    SHOW(syscall(SYS_io_uring_register, 999, 0, NULL, 0));
}

int main(void)
{
    struct uring u;

    setlinebuf(stdout);
    make(&u, 0);
    files(&u);
    waits(&u);
    {
        /* A child of a fork has the rings, too. */
        pid_t pid = fork();

        if (pid == 0) {
            put(&u, operation(IORING_OP_NOP, -1, NULL, 0, 0, 30));
            SHOW(enter(&u, 1, 1));
            show_one(&u, "child");
            _exit(0);
        }
        waitpid(pid, NULL, 0);
    }
    put(&u, operation(IORING_OP_NOP, -1, NULL, 0, 0, 31));
    SHOW(enter(&u, 1, 1));
    show_one(&u, "parent");
    kernel_thread();
    errors();
    close(u.fd);
    return 0;
}
