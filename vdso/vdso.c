/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What programs find at AT_SYSINFO_EHDR when there is no Linux whose vDSO they could have (vdso(7)): the time without a
 * system call. Every value is the one that the kernel's clock_gettime would give at that moment: the same arithmetic.
 */
#include <stillcore/clock_page.h>

#define EXPORTED __attribute__((visibility("default"))) /* all else is hidden */

enum { realtime = 0, monotonic = 1, boottime = 7 };
enum { nr_clock_gettime = 228, nr_clock_getres = 229 };

struct timespec {
    int64_t seconds;
    int64_t ns;
};
struct timeval {
    int64_t seconds;
    int64_t us;
};
struct timezone {
    int32_t minutes_west;
    int32_t dst;
};

#define SECOND 1000000000ull

extern const struct still_clock_page still_clock_page; /* vdso.ld */

static long system_call(long number, long first, void* second)
{
    long result;

    asm volatile("syscall" : "=a"(result) : "0"(number), "D"(first), "S"(second) : "rcx", "r11", "memory");
    return result;
}

static uint64_t monotonic_ns(void)
{
    const struct still_clock_page* page = &still_clock_page;
    uint32_t low, high;
    uint64_t ticks, ns, rest;

    /* LFENCE: not before what the program has done so far. */
    asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
    ticks = ((uint64_t)high << 32 | low) - page->boot_tsc;
    /* 128 bits: the quotient has 64 for 584 years. */
    asm("mulq %[million]; divq %[khz]"
        : "=&a"(ns), "=&d"(rest)
        : "0"(ticks), [million] "r"(1000000ull), [khz] "r"(page->tsc_khz)
        : "cc");
    return ns;
}

static int is_ours(long clock)
{
    return clock == realtime || clock == monotonic || clock == boottime;
}

EXPORTED int __vdso_clock_gettime(long clock, struct timespec* time);
EXPORTED int __vdso_clock_gettime(long clock, struct timespec* time)
{
    uint64_t ns;

    clock = (int32_t)clock;
    if (!is_ours(clock))
        return (int)system_call(nr_clock_gettime, clock, time);
    ns = monotonic_ns() + (clock == realtime ? still_clock_page.real_minus_mono : 0);
    time->seconds = (int64_t)(ns / SECOND);
    time->ns = (int64_t)(ns % SECOND);
    return 0;
}

EXPORTED int __vdso_clock_getres(long clock, struct timespec* time);
EXPORTED int __vdso_clock_getres(long clock, struct timespec* time)
{
    clock = (int32_t)clock;
    if (!is_ours(clock))
        return (int)system_call(nr_clock_getres, clock, time);
    if (time) {
        time->seconds = 0;
        time->ns = 1;
    }
    return 0;
}

EXPORTED int __vdso_gettimeofday(struct timeval* time, struct timezone* zone);
EXPORTED int __vdso_gettimeofday(struct timeval* time, struct timezone* zone)
{
    if (time) {
        uint64_t ns = monotonic_ns() + still_clock_page.real_minus_mono;

        time->seconds = (int64_t)(ns / SECOND);
        time->us = (int64_t)(ns % SECOND / 1000);
    }
    if (zone)
        zone->minutes_west = zone->dst = 0;
    return 0;
}

EXPORTED int64_t __vdso_time(int64_t* time);
EXPORTED int64_t __vdso_time(int64_t* time)
{
    int64_t seconds = (int64_t)((monotonic_ns() + still_clock_page.real_minus_mono) / SECOND);

    if (time)
        *time = seconds;
    return seconds;
}

/* CPU and node are the limit of a segment of each CPU's own (arch/x86_64/cpu/cpu_init.cpp), as on Linux. */
EXPORTED long __vdso_getcpu(uint32_t* cpu, uint32_t* node, void* unused);
EXPORTED long __vdso_getcpu(uint32_t* cpu, uint32_t* node, void* unused)
{
    uint32_t both;

    (void)unused;
    asm volatile("lsl %1, %0" : "=r"(both) : "r"(0x7b));
    if (cpu)
        *cpu = both & 0xfff;
    if (node)
        *node = both >> 12;
    return 0;
}
