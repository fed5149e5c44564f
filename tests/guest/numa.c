/* SPDX-License-Identifier: BSD-2-Clause */
/* numa: on an instance with two nodes that both have memory, pages lie where policies want them. */
#include "check.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE 4096ul

enum { PREFERRED = 1, BIND = 2, INTERLEAVE = 3 };

static char* map(size_t bytes)
{
    char* a = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(a != MAP_FAILED);
    return a;
}

static int node_of(void* page)
{
    int status = -1;
    CHECK(syscall(SYS_move_pages, 0, 1, &page, NULL, &status, 0) == 0);
    return status;
}

static void all_on(char* a, size_t pages, int node)
{
    for (size_t i = 0; i < pages; i++) {
        a[i * PAGE] = 1;
        CHECK(node_of(a + i * PAGE) == node);
    }
}

static void alternating(char* a, size_t pages)
{
    for (size_t i = 0; i < pages; i++) {
        a[i * PAGE] = 1;
        CHECK(node_of(a + i * PAGE) == (int)(((uintptr_t)a / PAGE + i) & 1));
    }
}

/* Pages of both sizes go where they are told to, with their contents; one that Linux holds stays. */
static void moves(void)
{
    unsigned long first = 1, second = 2;
    char* a = mmap(NULL, 6 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(a != MAP_FAILED);
    for (size_t i = 0; i < (6 << 20) / PAGE; i++)
        memset(a + i * PAGE, (int)(i % 251), PAGE);
    for (int node = 1; node >= 0; node--) {
        CHECK(syscall(SYS_mbind, a, 6 << 20, BIND, node ? &second : &first, 64, 2 | 1) == 0);
        for (size_t i = 0; i < (6 << 20) / PAGE; i += 7)
            CHECK(node_of(a + i * PAGE) == node && a[i * PAGE + 9] == (char)(i % 251));
    }
    CHECK(syscall(SYS_migrate_pages, 0, 64, &first, &second) == 0);
    CHECK(node_of(a) == 1 && node_of(a + (5 << 20)) == 1 && a[PAGE] == 1);

    char* b = map(2 * PAGE);
    memset(b, 'b', 2 * PAGE);
    struct iovec piece = {b, PAGE};
    int fds[2], status = -1, to = 1 - node_of(b);
    void* page = b;
    CHECK(pipe(fds) == 0 && vmsplice(fds[1], &piece, 1, 0) == (ssize_t)PAGE);
    CHECK(syscall(SYS_move_pages, 0, 1, &page, &to, &status, 2) == 1 && status == -EBUSY);
    b[0] = 'c';
    char got[PAGE];
    CHECK(read(fds[0], got, PAGE) == (ssize_t)PAGE && got[0] == 'c'); /* the pipe has the page itself */
    for (int i = 0; i < 100 && status != to; i++)
        CHECK(syscall(SYS_move_pages, 0, 1, &page, &to, &status, 2) >= 0);
    CHECK(status == to && b[0] == 'c' && b[PAGE - 1] == 'b');
}

int main(void)
{
    unsigned long nodes, allowed = 0;
    CHECK(syscall(SYS_get_mempolicy, NULL, &allowed, 64, NULL, 4) == 0);
    CHECK(allowed == 3);
    for (int node = 0; node < 2; node++) {
        nodes = 1ul << node;
        char* a = map(64 * PAGE);
        CHECK(syscall(SYS_mbind, a, 64 * PAGE, BIND, &nodes, 64, 0) == 0);
        all_on(a, 64, node);
        CHECK(syscall(SYS_mbind, a, 64 * PAGE, BIND, &nodes, 64, 1) == 0);
        unsigned long other = nodes ^ 3;
        CHECK_ERRNO(syscall(SYS_mbind, a, 64 * PAGE, BIND, &other, 64, 1), EIO);
        a = map(8 << 20);
        CHECK(syscall(SYS_set_mempolicy, PREFERRED, &nodes, 64) == 0);
        all_on(a, 64, node);
        CHECK(syscall(SYS_set_mempolicy, 0, NULL, 0) == 0);
        int got = -1;
        CHECK(syscall(SYS_get_mempolicy, &got, NULL, 0, a, 3) == 0 && got == node);
    }
    nodes = 3;
    char* a = map(64 * PAGE);
    CHECK(syscall(SYS_mbind, a, 64 * PAGE, INTERLEAVE, &nodes, 64, 0) == 0);
    alternating(a, 64);
    CHECK(syscall(SYS_set_mempolicy, INTERLEAVE, &nodes, 64) == 0);
    alternating(map(64 * PAGE), 64);
    moves();
    printf("ok numa\n");
    return 0;
}
