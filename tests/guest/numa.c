/* SPDX-License-Identifier: BSD-2-Clause */
/* numa: on an instance with two nodes that both have memory, pages lie where policies want them. */
#include "check.h"

#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
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
    printf("ok numa\n");
    return 0;
}
