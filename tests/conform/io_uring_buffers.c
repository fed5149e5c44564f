/* SPDX-License-Identifier: BSD-2-Clause */
/* Which memory io_uring registers as buffers (Linux before 6.5: of files those of a tmpfs only), what goes through it,
 * also once the program has mapped, protected, forked or given away what it registered; calls that pin at once. */
#include "show.h"

#include <fcntl.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { page = 4096, bytes = 16 * page };

static const char constant[2 * page] = "a constant";
static char zero[bytes] __attribute__((aligned(page)));

struct uring {
    int fd;
    unsigned *tail, *array, *head;
    unsigned sq_mask, cq_mask;
    struct io_uring_sqe* sqes;
    struct io_uring_cqe* cqes;
};

static void* ring(int fd, size_t size, off_t which)
{
    void* at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, which);

    MUST(at != MAP_FAILED);
    return at;
}

static void make(struct uring* u)
{
    struct io_uring_params p = {0};
    char *sq, *cq;

    u->fd = (int)syscall(SYS_io_uring_setup, 4, &p);
    MUST(u->fd >= 0);
    sq = ring(u->fd, p.sq_off.array + p.sq_entries * 4, IORING_OFF_SQ_RING);
    cq = ring(u->fd, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
    u->sqes = ring(u->fd, p.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
    u->tail = (unsigned*)(sq + p.sq_off.tail);
    u->array = (unsigned*)(sq + p.sq_off.array);
    u->sq_mask = *(unsigned*)(sq + p.sq_off.ring_mask);
    u->head = (unsigned*)(cq + p.cq_off.head);
    u->cq_mask = *(unsigned*)(cq + p.cq_off.ring_mask);
    u->cqes = (struct io_uring_cqe*)(cq + p.cq_off.cqes);
}

static long transfer(struct uring* u, int op, int fd, const void* at, unsigned len, unsigned buffer)
{
    unsigned i = *u->tail & u->sq_mask;
    long result;

    u->sqes[i] = (struct io_uring_sqe){.opcode = (unsigned char)op,
                                       .fd = fd,
                                       .addr = (unsigned long)at,
                                       .len = len,
                                       .buf_index = (unsigned short)buffer};
    u->array[i] = i;
    __atomic_store_n(u->tail, *u->tail + 1, __ATOMIC_RELEASE);
    MUST(syscall(SYS_io_uring_enter, u->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) == 1);
    result = u->cqes[*u->head & u->cq_mask].res;
    __atomic_store_n(u->head, *u->head + 1, __ATOMIC_RELEASE);
    if (result >= 0)
        return result;
    errno = (int)-result;
    return -1;
}

static long register_all(struct uring* u, const struct iovec* buffers, unsigned n)
{
    return syscall(SYS_io_uring_register, u->fd, IORING_REGISTER_BUFFERS, buffers, n);
}

static void through_a_file(struct uring* u, char* at, char seed, unsigned buffer)
{
    int fd = memfd_create("through", 0), same = 1;

    for (int i = 0; i < bytes; i++)
        at[i] = (char)(i / 13 + seed);
    SHOW(transfer(u, IORING_OP_WRITE_FIXED, fd, at, bytes, buffer));
    memset(at, 0, bytes);
    SHOW(transfer(u, IORING_OP_READ_FIXED, fd, at, bytes, buffer));
    for (int i = 0; i < bytes; i++)
        same &= at[i] == (char)(i / 13 + seed);
    printf("the same: %d\n", same);
    close(fd);
}

static struct uring next; /* made before what is registered, so that it lies in no hole of that */

static void one(const char* what, const void* at, size_t size)
{
    const struct iovec buffer = {(void*)at, size};
    struct uring u = next;
    long result = register_all(&u, &buffer, 1);

    printf("%s: %s\n", what, result == 0 ? "ok" : strerrorname_np(errno));
    if (result == 0 && size >= bytes)
        through_a_file(&u, (char*)at, 3, 0);
    close(u.fd);
    make(&next);
}

static char* map(size_t size, int prot, int flags, int fd)
{
    char* at = mmap(NULL, size, prot, flags, fd, 0);

    MUST(at != MAP_FAILED);
    return at;
}

static void kinds(void)
{
    char stack[bytes + page], *heap = malloc(bytes), *at;
    int file = open("/dev/shm/some", O_CREAT | O_RDWR, 0600), memory = memfd_create("some", 0);

    unlink("/dev/shm/some");
    MUST(ftruncate(file, bytes) == 0 && ftruncate(memory, bytes) == 0);
    make(&next);
    one("stack", stack + 100, bytes);
    one("heap", heap, bytes);
    one("zero", zero, bytes);
    one("constant", constant, sizeof(constant));
    at = map(4 * bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    one("anonymous", at + 10, bytes);
    MUST(mprotect(at + page, page, PROT_READ) == 0);
    one("a part is read-only", at, bytes);
    MUST(mprotect(at + page, page, PROT_NONE) == 0);
    one("a part is none", at, bytes);
    MUST(mprotect(at + page, page, PROT_READ | PROT_WRITE) == 0);
    one("all is writable", at, bytes);
    MUST(munmap(at + 2 * page, page) == 0);
    one("a hole", at, bytes);
    one("noreserve", map(bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1),
        bytes);
    one("shared anonymous", map(bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1), bytes);
    one("shared memfd", map(bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory), bytes);
    one("private memfd", map(bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, memory), bytes);
    one("private file of a tmpfs", map(bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, file), bytes);
    one("NULL", NULL, page);
    one("unmapped", (void*)(16 * page), page);
    one("nothing", at, 0);
    free(heap);
}

static void many(void)
{
    enum { n = 40 };
    char* at = map(n * bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    struct iovec buffers[n];
    struct uring u;

    for (int i = 0; i < n; i++)
        buffers[i] = (struct iovec){at + i * bytes, bytes};
    make(&u);
    SHOW(register_all(&u, buffers, n));
    SHOW(register_all(&u, buffers, n));
    through_a_file(&u, buffers[17].iov_base, 1, 17);
    through_a_file(&u, buffers[n - 1].iov_base, 2, n - 1);
    SHOW(transfer(&u, IORING_OP_READ_FIXED, 0, at, bytes + 1, 0));
    SHOW(syscall(SYS_io_uring_register, u.fd, IORING_UNREGISTER_BUFFERS, NULL, 0));
    SHOW(syscall(SYS_io_uring_register, u.fd, IORING_UNREGISTER_BUFFERS, NULL, 0));
    buffers[3].iov_base = NULL;
    SHOW(register_all(&u, buffers, n));
    SHOW(register_all(&u, buffers, 3));
    through_a_file(&u, buffers[2].iov_base, 4, 2);
    close(u.fd);
    munmap(at, n * bytes);
}

/* What was registered is these pages, wherever the program's addresses lead later. */
static void afterwards(void)
{
    char *at = map(bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1), *other;
    const struct iovec buffer = {at, bytes};
    int fd = memfd_create("afterwards", 0), status = 1;
    struct uring u;
    pid_t child;

    memset(at, 'a', bytes);
    make(&u);
    MUST(register_all(&u, &buffer, 1) == 0);
    memset(at, 'b', bytes);
    child = fork();
    if (child == 0) {
        memset(at, 'c', bytes);
        _exit(0);
    }
    memset(at, 'd', page);
    MUST(waitpid(child, &status, 0) == child && status == 0);
    SHOW(transfer(&u, IORING_OP_WRITE_FIXED, fd, at, bytes, 0));
    char seen[2] = "";
    MUST(pread(fd, seen, 1, 0) == 1 && pread(fd, seen + 1, 1, bytes - 1) == 1);
    printf("after fork: %.2s\n", seen);
    other = mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    MUST(other == at);
    memset(other, 'e', bytes);
    SHOW(transfer(&u, IORING_OP_WRITE_FIXED, fd, at, bytes, 0));
    MUST(pread(fd, seen, 1, 0) == 1 && pread(fd, seen + 1, 1, bytes - 1) == 1);
    printf("after another mapping: %.2s %c\n", seen, other[0]);
    MUST(pwrite(fd, "new", 3, 0) == 3);
    SHOW(transfer(&u, IORING_OP_READ_FIXED, fd, at, bytes, 0));
    printf("it is not written: %c\n", other[0]);
    munmap(other, bytes);
    SHOW(transfer(&u, IORING_OP_WRITE_FIXED, fd, at, bytes, 0));
    close(u.fd);
    close(fd);
}

/* It is the parent's also if nobody could reach it when the child was made. */
static void fork_without_rights(void)
{
    char* at = map(bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    const struct iovec buffer = {at, bytes};
    int fd = memfd_create("fork", 0), pipes[2], status = 1;
    char seen[2] = "", go = 'g';
    struct uring u;
    pid_t child;

    memset(at, 'a', bytes);
    make(&u);
    MUST(register_all(&u, &buffer, 1) == 0 && pipe(pipes) == 0);
    MUST(mprotect(at, bytes, PROT_NONE) == 0);
    child = fork();
    if (child == 0) {
        MUST(read(pipes[0], &go, 1) == 1 && mprotect(at, bytes, PROT_READ) == 0);
        _exit(at[0] == 'a' && at[bytes - 1] == 'a' ? 0 : 1);
    }
    MUST(mprotect(at, bytes, PROT_READ | PROT_WRITE) == 0);
    memset(at, 'b', bytes);
    SHOW(transfer(&u, IORING_OP_WRITE_FIXED, fd, at, bytes, 0));
    MUST(pread(fd, seen, 1, 0) == 1 && pread(fd, seen + 1, 1, bytes - 1) == 1);
    printf("after fork without rights: %.2s\n", seen);
    MUST(write(pipes[1], &go, 1) == 1 && waitpid(child, &status, 0) == child);
    printf("the child's: %d\n", status);
    close(u.fd), close(fd), close(pipes[0]), close(pipes[1]);
    munmap(at, bytes);
}

static void* register_again(void* argument)
{
    char* at = map(bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    const struct iovec buffer = {at, bytes};
    long good = 0;

    for (int i = 0; i < 30; i++) {
        struct uring u;

        make(&u);
        good += register_all(&u, &buffer, 1) == 0;
        close(u.fd);
    }
    munmap(at, bytes);
    return (void*)(good + (argument != NULL));
}

static void at_once(void)
{
    pthread_t threads[4];
    void* good;

    for (int i = 0; i < 4; i++)
        MUST(pthread_create(&threads[i], NULL, register_again, NULL) == 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], &good);
        printf("registered %ld times\n", (long)good);
    }
}

int main(void)
{
    kinds();
    many();
    afterwards();
    fork_without_rights();
    at_once();
    return 0;
}
