// SPDX-License-Identifier: BSD-2-Clause
// Memory: pages of each size on each node, and faults that a program catches.
#define _GNU_SOURCE
#include "test.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

static const struct page_kind {
    const char* name;
    size_t bytes;
    int flags;
} kinds[] = {
    {"4 KiB", 4096, 0},
    {"2 MiB", 2ul << 20, MAP_HUGETLB | 21 << 26},
    {"1 GiB", 1ul << 30, MAP_HUGETLB | 30 << 26},
};

// On that node, if the policy can be set before the first touch.
static void* map_on(const struct page_kind* kind, int node)
{
    enum { mpol_bind = 2 };
    const unsigned long mask = 1ul << node;
    void* p = mmap(NULL, kind->bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | kind->flags, -1, 0);

    if (p == MAP_FAILED)
        return NULL;
    if (syscall(SYS_mbind, p, kind->bytes, (long)mpol_bind, &mask, (long)MAX_NODES, 0l) != 0) {
        munmap(p, kind->bytes);
        return NULL;
    }
    return p;
}

static sigjmp_buf back;
static volatile int caught_signal, caught_code;

static void on_fault(int signo, siginfo_t* info, void* context)
{
    (void)context;
    caught_signal = signo;
    caught_code = info->si_code;
    siglongjmp(back, 1);
}

static bool holds_what_is_written(unsigned char* p, size_t bytes)
{
    const size_t step = bytes / 64 < 64 ? 64 : bytes / 64;

    for (size_t at = 0; at < bytes; at += step)
        p[at] = (unsigned char)(at / step + 1);
    for (size_t at = 0; at < bytes; at += step)
        if (p[at] != (unsigned char)(at / step + 1) || p[at + 1] != 0)
            return false;
    return true;
}

// Its first touch; false: there is no such page, which is a SIGBUS.
static bool can_be_touched(unsigned char* p)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, old;
    volatile bool good = false;

    sigaction(SIGBUS, &action, &old);
    if (sigsetjmp(back, 1) == 0) {
        *(volatile unsigned char*)p = 0;
        good = true;
    }
    sigaction(SIGBUS, &old, NULL);
    return good;
}

// One way to go wrong. 0 if nothing happened.
static int provoke(int what, volatile unsigned char* page)
{
    caught_signal = caught_code = 0;
    if (sigsetjmp(back, 1) == 0) {
        if (what == 0)
            page[0] = 1;
        else if (what == 1)
            (void)page[0];
        else
            ((void (*)(void))(uintptr_t)page)();
    }
    return caught_signal;
}

static void test_faults(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, old;
    unsigned char* page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    sigaction(SIGSEGV, &action, &old);
    page[0] = 0xc3; // ret
    CHECK("writing where one may is no fault", provoke(0, page) == 0);
    page[0] = 0xc3;
    CHECK("code in data is a fault", provoke(2, page) == SIGSEGV && caught_code == SEGV_ACCERR);
    printf("  execution of data: SIGSEGV, code %d\n", caught_code);
    mprotect(page, 4096, PROT_READ);
    CHECK("reading stays allowed", provoke(1, page) == 0);
    CHECK("writing to read-only memory is a fault",
          provoke(0, page) == SIGSEGV && caught_code == SEGV_ACCERR);
    printf("  write to a read-only page: SIGSEGV, code %d\n", caught_code);
    mprotect(page, 4096, PROT_NONE);
    CHECK("reading what is protected is a fault", provoke(1, page) == SIGSEGV && caught_code == SEGV_ACCERR);
    munmap(page, 4096);
    CHECK("reading what is not there is a fault", provoke(1, page) == SIGSEGV && caught_code == SEGV_MAPERR);
    printf("  read where nothing is mapped: SIGSEGV, code %d\n", caught_code);
    CHECK("the kernel's memory is nobody's", provoke(1, (unsigned char*)0xffff800000000000ul) == SIGSEGV);
    sigaction(SIGSEGV, &old, NULL);
}

void test_memory(void)
{
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        for (int node = 0; node < machine.num_nodes; node++) {
            unsigned char* p;

            if (!machine.has_memory[node])
                continue;
            p = map_on(&kinds[k], node);
            if (!p || !can_be_touched(p)) { // a machine may be too small for the large ones
                printf("  %s page on node %d: none to be had\n", kinds[k].name, node);
                CHECK("a small page is always there", kinds[k].flags != 0);
                continue;
            }
            const bool holds = holds_what_is_written(p, kinds[k].bytes);
            const int where = node_of_page(p);

            printf("  %s page on node %d: in use\n", kinds[k].name, where);
            CHECK("memory holds what is written", holds);
            CHECK("the page lies on its node", where == node);
            CHECK("it goes back", munmap(p, kinds[k].bytes) == 0);
        }
    }
    test_faults();
}
