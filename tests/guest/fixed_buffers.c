/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that Linux pins for long: io_uring's registered buffers. What was registered is filled from a file and
 * written to one, while other threads do the same and the program maps shared memory, forks, and reads its constants
 * through Linux. */
#include "check.h"

#include <fcntl.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { page = 4096, bytes = 64 * page, rounds = 20, threads = 3 };

static const char constant[page] = "a constant";
static char data[bytes] = "data";

struct ring {
    int fd;
    unsigned *tail, *array, *head;
    unsigned sq_mask, cq_mask;
    struct io_uring_sqe* sqes;
    struct io_uring_cqe* cqes;
};

static void* map(int fd, size_t size, off_t which)
{
    void* at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, which);

    CHECK(at != MAP_FAILED);
    return at;
}

static struct ring make(void)
{
    struct io_uring_params p = {0};
    struct ring r = {.fd = (int)syscall(SYS_io_uring_setup, 4, &p)};
    CHECK(r.fd >= 0);
    char* sq = map(r.fd, p.sq_off.array + p.sq_entries * 4, IORING_OFF_SQ_RING);
    char* cq = map(r.fd, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);

    r.sqes = map(r.fd, p.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
    r.tail = (unsigned*)(sq + p.sq_off.tail);
    r.array = (unsigned*)(sq + p.sq_off.array);
    r.sq_mask = *(unsigned*)(sq + p.sq_off.ring_mask);
    r.head = (unsigned*)(cq + p.cq_off.head);
    r.cq_mask = *(unsigned*)(cq + p.cq_off.ring_mask);
    r.cqes = (struct io_uring_cqe*)(cq + p.cq_off.cqes);
    return r;
}

static int transfer(struct ring* r, int op, int fd, void* at, unsigned len)
{
    unsigned i = *r->tail & r->sq_mask;

    r->sqes[i] =
        (struct io_uring_sqe){.opcode = (unsigned char)op, .fd = fd, .addr = (unsigned long)at, .len = len};
    r->array[i] = i;
    __atomic_store_n(r->tail, *r->tail + 1, __ATOMIC_RELEASE);
    CHECK(syscall(SYS_io_uring_enter, r->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) == 1);
    const int result = r->cqes[*r->head & r->cq_mask].res;
    __atomic_store_n(r->head, *r->head + 1, __ATOMIC_RELEASE);
    return result;
}

static long register_buffer(struct ring* r, const void* at, size_t size)
{
    const struct iovec buffer = {(void*)at, size};

    return syscall(SYS_io_uring_register, r->fd, IORING_REGISTER_BUFFERS, &buffer, 1);
}

static void fill(char* at, unsigned seed)
{
    for (unsigned i = 0; i < bytes; i += 8)
        *(unsigned long*)(at + i) = seed * 1000003ul + i;
}

static void through_a_file(struct ring* r, char* buffer, unsigned seed)
{
    static const char zeros[bytes];
    const int fd = memfd_create("fixed", 0);

    fill(buffer, seed);
    CHECK(transfer(r, IORING_OP_WRITE_FIXED, fd, buffer, bytes) == bytes);
    memset(buffer, 0, bytes);
    CHECK(memcmp(buffer, zeros, bytes) == 0);
    CHECK(transfer(r, IORING_OP_READ_FIXED, fd, buffer, bytes) == bytes);
    for (unsigned i = 0; i < bytes; i += 8)
        CHECK(*(unsigned long*)(buffer + i) == seed * 1000003ul + i);
    close(fd);
}

/* A child's memory is its own from the start, whatever is pinned for the parent. */
static void fork_beside(struct ring* r, char* buffer)
{
    fill(buffer, 5);
    const pid_t child = fork();
    if (child == 0) {
        for (unsigned i = 0; i < bytes; i += 8)
            if (*(unsigned long*)(buffer + i) != 5 * 1000003ul + i)
                _exit(1);
        memset(buffer, 7, bytes);
        _exit(0);
    }
    int status = -1;
    through_a_file(r, buffer, 6);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void* work(void* argument)
{
    const unsigned seed = (unsigned)(unsigned long)argument;

    for (unsigned i = 0; i < rounds; i++) {
        struct ring r = make();
        char* buffer = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(buffer != MAP_FAILED);
        CHECK(register_buffer(&r, buffer, bytes) == 0);
        through_a_file(&r, buffer, seed + i);
        /* The pages are pinned still: they may not be given to others before the ring goes. */
        char* other =
            mmap(buffer, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        CHECK(other == buffer && other[0] == 0 && other[bytes - 1] == 0);
        /* Read-only now, and read by Linux. */
        CHECK(mprotect(other, bytes, PROT_READ) == 0);
        int pipes[2];
        CHECK(pipe(pipes) == 0 && write(pipes[1], other, 64) == 64);
        CHECK_ERRNO(read(pipes[0], other, 64), EFAULT);
        close(pipes[0]), close(pipes[1]);
        close(r.fd);
        munmap(other, bytes);
    }
    return NULL;
}

static void* disturb(void* stop)
{
    while (!__atomic_load_n((int*)stop, __ATOMIC_RELAXED)) {
        int pipes[2], fd = memfd_create("shared", 0);
        CHECK(fd >= 0 && ftruncate(fd, bytes) == 0 && pipe(pipes) == 0);
        char* at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        CHECK(at != MAP_FAILED);
        at[bytes - 1] = 'x';
        char seen;
        CHECK(pread(fd, &seen, 1, bytes - 1) == 1 && seen == 'x');
        CHECK(write(pipes[1], constant, sizeof(constant)) == sizeof(constant));
        munmap(at, bytes);
        close(fd), close(pipes[0]), close(pipes[1]);
    }
    return NULL;
}

int main(void)
{
    struct ring r = make();
    char* first = data;

    if (register_buffer(&r, first, bytes) != 0) {
        CHECK(errno == EOPNOTSUPP); /* before 6.5 that is said of memory of a file */
        first = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(register_buffer(&r, first, bytes) == 0);
    }
    CHECK_ERRNO(register_buffer(&r, first, bytes), EBUSY);
    through_a_file(&r, first, 3);
    fork_beside(&r, first);
    close(r.fd);
    r = make();
    CHECK_ERRNO(register_buffer(&r, constant, sizeof(constant)), EFAULT);
    CHECK_ERRNO(register_buffer(&r, NULL, page), EFAULT);
    CHECK_ERRNO(register_buffer(&r, (void*)(16 * page), page), EFAULT);

    int stop = 0;
    pthread_t workers[threads], disturber;
    CHECK(pthread_create(&disturber, NULL, disturb, &stop) == 0);
    for (unsigned long i = 0; i < threads; i++)
        CHECK(pthread_create(&workers[i], NULL, work, (void*)(i * 100)) == 0);
    for (int i = 0; i < threads; i++)
        pthread_join(workers[i], NULL);
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    pthread_join(disturber, NULL);
    return 0;
}
