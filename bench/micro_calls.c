/* SPDX-License-Identifier: BSD-2-Clause */
/* One call of the kernel's. */
#include "micro.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void getpid_(long n)
{
    while (n--)
        syscall(SYS_getpid);
}

static void gettid_(long n)
{
    while (n--)
        syscall(SYS_gettid);
}

static void yield_alone(long n)
{
    while (n--)
        sched_yield();
}

static void clock_(long n)
{
    struct timespec t;

    while (n--)
        clock_gettime(CLOCK_MONOTONIC, &t);
}

static void wake_nobody(long n)
{
    static int word;

    while (n--)
        syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void empty(long n)
{
    while (n--)
        syscall(SYS_lseek, -1, 0, 0);
}

static void open_null(void)
{
    file = open("/dev/null", O_WRONLY);
    buffer = memory(page);
    touch(buffer, page);
}

static void write_4k(long n)
{
    while (n--)
        need(write(file, buffer, page) == page, "write");
}

static void open_file(void)
{
    char name[] = "/tmp/microXXXXXX";

    buffer = memory(mib);
    touch(buffer, mib);
    file = mkstemp(name);
    need(file >= 0 && write(file, buffer, mib) == mib, name);
    unlink(name);
}

static void pread_1m(long n)
{
    while (n--)
        need(pread(file, buffer, mib, 0) == mib, "pread");
}

static void open_close(long n)
{
    while (n--)
        close(open("/dev/null", O_RDONLY));
}

/* The proxy has gone to sleep, and Linux's CPU with it; natively the CPU has slept as well. */
static double empty_asleep(void)
{
    const struct timespec pause = {0, 3000000};

    nanosleep(&pause, NULL);
    double start = now();

    syscall(SYS_lseek, -1, 0, 0);
    return now() - start;
}

const struct operation call_operations[] = {
    {"getpid", getpid_, NULL, NULL},
    {"gettid", gettid_, NULL, NULL},
    {"sched_yield", yield_alone, NULL, NULL},
    {"clock_gettime", clock_, NULL, NULL},
    {"futex_wake_nobody", wake_nobody, NULL, NULL},
    {"empty_call", empty, NULL, NULL},
    {"empty_asleep", NULL, NULL, empty_asleep},
    {"write_4k", write_4k, open_null, NULL},
    {"pread_1m", pread_1m, open_file, NULL},
    {"open_close", open_close, NULL, NULL},
    {NULL, NULL, NULL, NULL},
};
