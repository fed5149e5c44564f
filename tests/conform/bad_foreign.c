// SPDX-License-Identifier: BSD-2-Clause
// Linux, working for a program, reads and writes just what the program itself can: nothing else that may lie in the
// address space of the process that makes its calls.
#include "show.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static sigjmp_buf back;
static int ends[2];

static void on_fault(int signal)
{
    siglongjmp(back, signal);
}

static int can_load(volatile char* at)
{
    if (sigsetjmp(back, 1))
        return 0;
    (void)*at;
    return 1;
}

static int linux_reads(char* at)
{
    char c;
    if (write(ends[1], at, 1) != 1)
        return 0;
    MUST(read(ends[0], &c, 1) == 1);
    return 1;
}

static long tried, strange;

static void probe(uintptr_t at)
{
    tried++;
    if (linux_reads((char*)at) && !can_load((char*)at))
        strange++;
}

int main(void)
{
    char line[512];
    unsigned long from, to;

    signal(SIGSEGV, on_fault);
    signal(SIGBUS, on_fault);
    MUST(pipe(ends) == 0);
    /* What the maps tell, at both ends and in the middle of each range, but for the vsyscall page. */
    FILE* maps = fopen("/proc/self/maps", "r");
    MUST(maps);
    while (fgets(line, sizeof line, maps)) {
        MUST(sscanf(line, "%lx-%lx", &from, &to) == 2);
        if (from >> 63)
            continue;
        probe(from);
        probe((from + to) / 2);
        probe(to - 1);
    }
    fclose(maps);
    /* Each 2 MiB of the last 32 GiB, where loaders and stacks live, and each 32 GiB of all. */
    for (uintptr_t at = 0x7ff800000000; at < 0x7ffffffff000; at += 2 << 20)
        probe(at + 4096);
    for (uintptr_t at = 4096; at < 0x7ffffffff000; at += 32ul << 30)
        probe(at);
    MUST(tried > 1000);
    printf("readable by Linux only: %ld\n", strange);
    return 0;
}
