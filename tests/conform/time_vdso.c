// SPDX-License-Identifier: BSD-2-Clause
// The clocks without a system call (vDSO) and with one tell the same time; so do all ways to a CPU's number.
// covers: clock_gettime getcpu
#include "show.h"
#include <link.h>
#include <sched.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int64_t in_ns(struct timespec t)
{
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

// Between two times that the kernel tells, each time.
static void compare(const char* name, clockid_t clock)
{
    int between = 0;
    enum { tries = 1000 };
    for (int i = 0; i < tries; i++) {
        struct timespec before, here, after;
        syscall(SYS_clock_gettime, clock, &before);
        clock_gettime(clock, &here);
        syscall(SYS_clock_gettime, clock, &after);
        between += in_ns(before) <= in_ns(here) && in_ns(here) <= in_ns(after);
    }
    printf("%s: %d of %d between\n", name, between, tries);
}

static void others(void)
{
    struct timespec before, after, resolution;
    struct timeval here;
    struct timezone zone = {77, 77};
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &before);
    printf("gettimeofday: %d\n", gettimeofday(&here, &zone));
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &after);
    const int64_t us = here.tv_sec * 1000000ll + here.tv_usec;
    printf("between: %d, zone: %d %d\n", in_ns(before) / 1000 <= us && us <= in_ns(after) / 1000,
           zone.tz_minuteswest, zone.tz_dsttime);
    const time_t seconds = time(NULL);
    printf("time: %d\n", seconds + 1 >= before.tv_sec && seconds <= after.tv_sec + 1);
    for (clockid_t clock = 0; clock < 13; clock++) {
        const int result = clock_getres(clock, &resolution);
        printf("resolution of %d: %d, %d\n", clock, result, result == 0 && in_ns(resolution) >= 1);
    }
}

static void cpus(void)
{
    cpu_set_t all, one;
    int same = 0, count = 0;
    sched_getaffinity(0, sizeof all, &all);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &all))
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        unsigned by_call = ~0u, node = ~0u, by_library = ~0u, node_of_library = ~0u;
        if (sched_setaffinity(0, sizeof one, &one) != 0)
            continue;
        syscall(SYS_getcpu, &by_call, &node, NULL);
        getcpu(&by_library, &node_of_library);
        count++;
        same += by_call == (unsigned)cpu && by_library == by_call && sched_getcpu() == cpu &&
                node == node_of_library;
    }
    printf("each CPU knows its number and node: %d\n", count > 0 && same == count);
}

static int has_vdso(struct dl_phdr_info* info, size_t size, void* found)
{
    (void)size;
    *(int*)found |= info->dlpi_addr == getauxval(AT_SYSINFO_EHDR);
    return 0;
}

int main(void)
{
    int found = 0;
    dl_iterate_phdr(has_vdso, &found);
    printf("a vDSO: %d, known to the loader: %d\n", getauxval(AT_SYSINFO_EHDR) != 0, found);
    compare("realtime", CLOCK_REALTIME);
    compare("monotonic", CLOCK_MONOTONIC);
    compare("boottime", CLOCK_BOOTTIME);
    others();
    cpus();
    return 0;
}
