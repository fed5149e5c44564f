/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pinned_file PATH: registers the first page of a mapping of that file with io_uring, then unmaps and closes it. After
 * a byte from stdin it has "new" stored there by the pin, after another one it ends (test_file_cache.py).
 */
#include "check.h"

#include <fcntl.h>
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { page = 4096 };

static void* ring(int fd, size_t bytes, off_t which)
{
    void* at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, which);

    CHECK(at != MAP_FAILED);
    return at;
}

int main(int argc, char** argv)
{
    struct io_uring_params p = {0};
    const int fd = argc > 1 ? open(argv[1], O_RDWR) : -1, from = memfd_create("new", 0);
    const int uring = (int)syscall(SYS_io_uring_setup, 1, &p);
    char* at = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    const struct iovec buffer = {at, page};
    struct io_uring_sqe* sqe;
    char *sq, *cq, byte;

    CHECK(uring >= 0 && at != MAP_FAILED && write(from, "new", 3) == 3);
    sq = ring(uring, p.sq_off.array + 4, IORING_OFF_SQ_RING);
    cq = ring(uring, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
    sqe = ring(uring, sizeof(*sqe), IORING_OFF_SQES);
    CHECK(syscall(SYS_io_uring_register, uring, IORING_REGISTER_BUFFERS, &buffer, 1) == 0);
    CHECK(munmap(at, page) == 0 && close(fd) == 0);
    printf("pinned\n");
    fflush(stdout);
    CHECK(read(0, &byte, 1) == 1);
    *sqe = (struct io_uring_sqe){
        .opcode = IORING_OP_READ_FIXED, .fd = from, .addr = (unsigned long)at, .len = 3, .buf_index = 0};
    *(unsigned*)(void*)(sq + p.sq_off.array) = 0;
    __atomic_store_n((unsigned*)(void*)(sq + p.sq_off.tail), 1, __ATOMIC_RELEASE);
    CHECK(syscall(SYS_io_uring_enter, uring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) == 1);
    CHECK(((struct io_uring_cqe*)(void*)(cq + p.cq_off.cqes))->res == 3);
    printf("stored\n");
    fflush(stdout);
    CHECK(read(0, &byte, 1) == 1);
    return 0;
}
