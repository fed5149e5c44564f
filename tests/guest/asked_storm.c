/* SPDX-License-Identifier: BSD-2-Clause */
/* asked_storm FILE [SECONDS]: maps, protects, discards, moves and forks all the time, and writes its pid and where
 * that happens to FILE, for those who then ask for that memory from outside (asker). Linux's io_uring workers fill
 * some of it meanwhile. It must come to its end. */
#include "check.h"

#include <fcntl.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { page = 4096, threads = 3, pages_each = 600 };

static unsigned char* area;
static atomic_int stop;
static atomic_long rounds, forks, filled, refused;

static void* stirs(void* arg)
{
    unsigned char* at = area + (size_t)arg * pages_each * page;
    const size_t bytes = (size_t)pages_each * page;
    int fds[2];

    CHECK(pipe(fds) == 0);
    for (unsigned i = 0; !stop; i++) {
        CHECK(mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at);
        memset(at, 'x', bytes);
        CHECK(write(fds[1], at + i % pages_each * page, 9) == 9 && read(fds[0], at, 9) == 9);
        CHECK(mprotect(at, bytes / 2, i % 2 ? PROT_READ : PROT_NONE) == 0);
        CHECK(madvise(at + bytes / 2, bytes / 4, MADV_DONTNEED) == 0);
        CHECK(munmap(at + bytes / 4, bytes / 4) == 0);
        rounds++;
    }
    CHECK(close(fds[0]) == 0 && close(fds[1]) == 0);
    return NULL;
}

static void* has_children(void* arg)
{
    (void)arg;
    while (!stop) {
        int status = 0;
        pid_t pid = fork();

        CHECK(pid >= 0);
        if (pid == 0)
            _exit(0);
        CHECK(waitpid(pid, &status, 0) == pid && status == 0);
        forks++;
    }
    return NULL;
}

static void* ring(int fd, size_t bytes, off_t which)
{
    void* at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, which);

    CHECK(at != MAP_FAILED);
    return at;
}

/* Reads of this program's file into memory that may be there or not, each by a thread of Linux's. */
static void* has_it_filled(void* program)
{
    struct io_uring_params p = {0};
    const int file = open(program, O_RDONLY), fd = (int)syscall(SYS_io_uring_setup, 1, &p);

    CHECK(file >= 0 && fd >= 0);
    char* sq = ring(fd, p.sq_off.array + 4, IORING_OFF_SQ_RING);
    char* cq = ring(fd, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
    struct io_uring_sqe* sqe = ring(fd, sizeof(*sqe), IORING_OFF_SQES);
    _Atomic unsigned *sq_tail = (void*)(sq + p.sq_off.tail), *cq_head = (void*)(cq + p.cq_off.head);
    const struct io_uring_cqe* cqes = (void*)(cq + p.cq_off.cqes);

    for (unsigned i = 0; !stop; i++) {
        *sqe = (struct io_uring_sqe){
            .opcode = IORING_OP_READ,
            .flags = IOSQE_ASYNC,
            .fd = file,
            .addr = (unsigned long)(area + i * 7 % (threads * pages_each - 2) * page + 100),
            .len = 2 * page};
        *(unsigned*)(void*)(sq + p.sq_off.array) = 0;
        (*sq_tail)++;
        long entered = syscall(SYS_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0);
        CHECK(entered == 1);
        const int result = cqes[*cq_head & (p.cq_entries - 1)].res;
        if (result <= 0 && result != -EFAULT)
            fprintf(stderr, "io_uring's read: %d\n", result);
        CHECK(result > 0 || result == -EFAULT);
        (*cq_head)++;
        result > 0 ? filled++ : refused++;
    }
    CHECK(close(fd) == 0 && close(file) == 0);
    return NULL;
}

int main(int argc, char** argv)
{
    pthread_t all[threads + 2];
    FILE* file;

    CHECK(argc > 1);
    area = mmap(NULL, (size_t)threads * pages_each * page, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(area != MAP_FAILED);
    for (size_t i = 0; i < threads; i++)
        CHECK(pthread_create(&all[i], NULL, stirs, (void*)i) == 0);
    CHECK(pthread_create(&all[threads], NULL, has_children, NULL) == 0);
    CHECK(pthread_create(&all[threads + 1], NULL, has_it_filled, argv[0]) == 0);
    file = fopen(argv[1], "w");
    CHECK(file != NULL && fprintf(file, "%d %p %d 0\n", getpid(), (void*)area, threads * pages_each) > 0);
    CHECK(fclose(file) == 0);
    sleep(argc > 2 ? (unsigned)atoi(argv[2]) : 2);
    stop = 1;
    for (int i = 0; i < threads + 2; i++)
        CHECK(pthread_join(all[i], NULL) == 0);
    CHECK(rounds > 0 && forks > 0 && filled > 0);
    printf("ok asked_storm: %ld rounds, %ld forks, %ld filled by Linux and %ld not\n", rounds, forks, filled,
           refused);
    return 0;
}
