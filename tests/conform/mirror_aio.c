// SPDX-License-Identifier: BSD-2-Clause
// Asynchronous I/O as libaio does it: contexts, transfers, events read from the ring, errors.
// covers: io_setup, io_destroy, io_submit, io_getevents, io_cancel
#include "show.h"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096, BLOCKS = 16 };

struct Ring { // what libaio looks at before it makes a system call
    uint32_t id, entries, head, tail, magic;
};

static long io_setup(unsigned events, aio_context_t* context)
{
    return syscall(SYS_io_setup, events, context);
}

static void transfer(aio_context_t context, int fd, char* buffer, int op)
{
    struct iocb blocks[BLOCKS];
    struct iocb* list[BLOCKS];
    memset(blocks, 0, sizeof blocks);
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i].aio_lio_opcode = (uint16_t)op;
        blocks[i].aio_fildes = (uint32_t)fd;
        blocks[i].aio_buf = (uintptr_t)(buffer + i * PAGE);
        blocks[i].aio_nbytes = PAGE;
        blocks[i].aio_offset = i * PAGE;
        blocks[i].aio_data = (uint64_t)i;
        list[i] = &blocks[i];
    }
    SHOW(syscall(SYS_io_submit, context, BLOCKS, list));
    struct io_event events[BLOCKS];
    int got = 0;
    uint64_t seen = 0;
    while (got < BLOCKS) {
        const long n = syscall(SYS_io_getevents, context, 1, BLOCKS - got, events + got, NULL);
        MUST(n > 0);
        got += (int)n;
    }
    for (int i = 0; i < got; i++)
        if (events[i].res == PAGE)
            seen |= 1ull << events[i].data;
    printf("%llx\n", (unsigned long long)seen);
    const struct Ring* ring = (const struct Ring*)context;
    SHOW(ring->head == ring->tail);
}

int main(void)
{
    aio_context_t context = 0, second = 0;
    SHOW(io_setup(BLOCKS, &context));
    const struct Ring* ring = (const struct Ring*)context;
    SHOW(ring->magic == 0xa10a10a1);
    SHOW(ring->entries >= BLOCKS);
    SHOW(io_setup(5000, &second));
    SHOW(((const struct Ring*)second)->entries >= 5000);
    int fd = open("file", O_RDWR | O_CREAT, 0600);
    MUST(fd >= 0);
    char* buffer = mmap(NULL, BLOCKS * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char* shared = mmap(NULL, BLOCKS * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < BLOCKS; i++)
        snprintf(buffer + i * PAGE, PAGE, "block %d", i);
    transfer(context, fd, buffer, IOCB_CMD_PWRITE);
    transfer(second, fd, shared, IOCB_CMD_PREAD);
    for (int i = 0; i < BLOCKS; i += 5)
        printf("%s\n", shared + i * PAGE);
    SHOW(io_setup(1, &context));
    SHOW(io_setup(0, (second = 0, &second)));
    SHOW(io_setup(1, (aio_context_t*)16));
    struct timespec soon = {0, 10000000};
    struct io_event event;
    SHOW(syscall(SYS_io_getevents, context, 1, 1, &event, &soon));
    SHOW(syscall(SYS_io_getevents, context + 1, 0, 1, &event, NULL));
    SHOW(syscall(SYS_io_submit, context, 1, NULL));
    SHOW(syscall(SYS_io_destroy, context));
    SHOW(syscall(SYS_io_destroy, context));
    SHOW(syscall(SYS_io_getevents, context, 0, 1, &event, NULL));
    // Its place is free again.
    char* place = (char*)(context & ~(PAGE - 1ul));
    SHOW(mmap(place, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
              0) == place);
    SHOW(read(open("/dev/zero", O_RDONLY), place, PAGE));
    return 0;
}
