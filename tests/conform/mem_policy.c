// SPDX-License-Identifier: BSD-2-Clause
// Memory policies: what is accepted, refused, told, on as many nodes as there are.
// covers: mbind, set_mempolicy, get_mempolicy, move_pages, migrate_pages, set_mempolicy_home_node
#include "show.h"

#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096ul

static unsigned long nodes[16];

static void show(const char* what, void* addr, unsigned flags)
{
    int mode = -7;
    unsigned long got[16] = {0};
    errno = 0;
    const long r = syscall(SYS_get_mempolicy, &mode, got, 1024, addr, flags);
    if (r != 0)
        printf("%s: %s\n", what, strerrorname_np(errno));
    else
        printf("%s: mode %x nodes %lx\n", what, mode, got[0]);
}

static void set(int mode, unsigned long mask)
{
    nodes[0] = mask;
    printf("mode %x nodes %lx: ", mode, mask);
    SHOW(syscall(SYS_set_mempolicy, mode, nodes, 1024));
    show("  policy", NULL, 0);
}

int main(void)
{
    char* a = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    show("default", NULL, 0);
    show("allowed", NULL, 4);
    static const int modes[] = {0,      1,      2,      3,      4,      5,      6,     0x8002,
                                0x4002, 0xc002, 0x8001, 0x4003, 0x8004, 0x2002, 0x2003};
    for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        set(modes[i], 0);
        set(modes[i], 1);
        set(modes[i], 1ul << 50);
    }
    set(0x4002, 1ul << 20);
    set(2, ~0ul);
    set(3, 1);
    show("next node", NULL, 1);
    set(0, 0);
    show("next node", NULL, 1);
    show("an address without the flag", a, 0);
    show("bad flags", NULL, 8);
    show("both", NULL, 5);
    SHOW(syscall(SYS_get_mempolicy, NULL, NULL, 0, NULL, 0));
    SHOW(syscall(SYS_get_mempolicy, (void*)16, NULL, 0, NULL, 0));
    SHOW(syscall(SYS_set_mempolicy, 2, (void*)16, 1024));
    SHOW(syscall(SYS_set_mempolicy, 2, nodes, 1ul << 20));
    SHOW(syscall(SYS_set_mempolicy, 0, NULL, 0));

    nodes[0] = 1;
    SHOW(syscall(SYS_mbind, a, 16 * PAGE, 2, nodes, 1024, 0));
    SHOW(syscall(SYS_mbind, a + 16 * PAGE, 16 * PAGE, 3, nodes, 1024, 0));
    SHOW(syscall(SYS_mbind, a + 4 * PAGE, PAGE, 0, NULL, 0, 0));
    show("first", a, 2);
    show("fifth", a + 4 * PAGE, 2);
    show("sixth", a + 5 * PAGE, 2);
    show("second half", a + 17 * PAGE, 2);
    show("last", a + 63 * PAGE, 2);
    show("nothing there", (void*)PAGE, 2);
    a[0] = a[5 * PAGE] = a[20 * PAGE] = 1;
    SHOW(syscall(SYS_mbind, a + 1, PAGE, 2, nodes, 1024, 0));
    SHOW(syscall(SYS_mbind, a, 0, 2, nodes, 1024, 0));
    SHOW(syscall(SYS_mbind, a, PAGE, 2, nodes, 1024, 16));
    SHOW(syscall(SYS_mbind, a, PAGE, 9, nodes, 1024, 0));
    SHOW(syscall(SYS_mbind, a, PAGE, 2, nodes, 1024, 1));
    SHOW(syscall(SYS_mbind, a, PAGE, 2, nodes, 1024, 2));
    SHOW(syscall(SYS_mbind, a, PAGE, 2, NULL, 0, 0));
    SHOW(syscall(SYS_mbind, (void*)PAGE, PAGE, 2, nodes, 1024, 0));
    munmap(a + 40 * PAGE, PAGE);
    SHOW(syscall(SYS_mbind, a + 32 * PAGE, 32 * PAGE, 2, nodes, 1024, 0));
    SHOW(syscall(450, a, PAGE, 0, 0));
    SHOW(syscall(450, a + 17 * PAGE, PAGE, 0, 0));
    SHOW(syscall(450, a, PAGE, 0, 1));
    SHOW(syscall(450, a, PAGE, 999, 0));
    SHOW(syscall(450, a + 50 * PAGE, PAGE, 0, 0));

    void* pages[4] = {a, a + 5 * PAGE, (void*)PAGE, a + 20 * PAGE};
    int status[4] = {-99, -99, -99, -99}, where[4] = {0, 0, 0, 0};
    SHOW(syscall(SYS_move_pages, 0, 4, pages, NULL, status, 0));
    printf("%d %d %d %d\n", status[0], status[1], status[2], status[3]);
    SHOW(syscall(SYS_move_pages, 0, 2, pages, where, status, 2));
    printf("%d %d\n", status[0], status[1]);
    where[1] = 63;
    SHOW(syscall(SYS_move_pages, 0, 2, pages, where, status, 2));
    SHOW(syscall(SYS_move_pages, 0, 4, pages, NULL, status, 1));
    SHOW(syscall(SYS_move_pages, 0, 4, (void*)16, NULL, status, 0));
    SHOW(syscall(SYS_migrate_pages, 0, 1024, nodes, nodes));
    SHOW(syscall(SYS_migrate_pages, 0, 1024, (void*)16, nodes));
    SHOW(syscall(SYS_migrate_pages, 0, 1024, nodes, (void*)16));
    SHOW(syscall(SYS_migrate_pages, 0, 1ul << 20, nodes, nodes));
    SHOW(syscall(SYS_migrate_pages, 0x3fffffff, 1024, nodes, nodes));
    nodes[0] = 0;
    SHOW(syscall(SYS_migrate_pages, 0, 1024, nodes, nodes));
    return 0;
}
