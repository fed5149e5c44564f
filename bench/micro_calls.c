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

const struct operation call_operations[] = {
    {"getpid", getpid_, NULL},
    {"gettid", gettid_, NULL},
    {"sched_yield", yield_alone, NULL},
    {"clock_gettime", clock_, NULL},
    {"futex_wake_nobody", wake_nobody, NULL},
    {"empty_call", empty, NULL},
    {"write_4k", write_4k, open_null},
    {"pread_1m", pread_1m, open_file},
    {"open_close", open_close, NULL},
    {NULL, NULL, NULL},
};
