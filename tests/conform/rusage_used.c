// SPDX-License-Identifier: BSD-2-Clause
// What a process has used, by every call that tells it: they agree with each other.
// covers: getrusage, times, clock_gettime
// timeout: 60
#include "show.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

static double seconds(clockid_t clock)
{
    struct timespec t;
    MUST(clock_gettime(clock, &t) == 0);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double used(int who)
{
    struct rusage r;
    MUST(getrusage(who, &r) == 0);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
           (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static void compute(double how_long)
{
    const double end = seconds(CLOCK_THREAD_CPUTIME_ID) + how_long;
    while (seconds(CLOCK_THREAD_CPUTIME_ID) < end)
        ;
}

static atomic_int stage;

static void* worker(void* argument)
{
    compute(0.2);
    stage = 1;
    while (stage == 1)
        usleep(1000);
    return argument;
}

int main(void)
{
    const double start = seconds(CLOCK_PROCESS_CPUTIME_ID);
    compute(0.3);
    const double after = seconds(CLOCK_PROCESS_CPUTIME_ID);
    printf("computing counts: %d\n", after - start >= 0.3);
    sleep(1);
    printf("sleeping does not: %d\n", seconds(CLOCK_THREAD_CPUTIME_ID) - after < 0.5);
    struct tms t;
    SHOW_OK(times(&t));
    printf("times: %d, rusage: %d, clock: %d\n", t.tms_utime + t.tms_stime >= 20, used(RUSAGE_SELF) >= 0.3,
           (double)clock() / CLOCKS_PER_SEC >= 0.3);
    printf("of this thread: %d\n", used(RUSAGE_THREAD) >= 0.3);
    printf("no children: %d\n", used(RUSAGE_CHILDREN) == 0);
    pthread_t thread;
    pthread_create(&thread, NULL, worker, NULL);
    while (stage != 1)
        usleep(1000);
    clockid_t of_thread, of_process;
    MUST(pthread_getcpuclockid(thread, &of_thread) == 0 && clock_getcpuclockid(0, &of_process) == 0);
    printf("the other thread: %d %d\n", seconds(of_thread) >= 0.2, seconds(of_thread) < 0.6);
    printf("the process: %d\n", seconds(of_process) >= 0.5);
    MUST(clock_getcpuclockid(getpid(), &of_process) == 0);
    printf("by its number: %d\n", seconds(of_process) >= 0.5);
    stage = 2;
    pthread_join(thread, NULL);
    printf("it stays counted: %d\n", used(RUSAGE_SELF) >= 0.5);
    int gone = 0;
    for (int i = 0; i < 2000 && !gone; i++) { /* pthread_join() does not wait for the last of it */
        gone = clock_gettime(of_thread, &(struct timespec){0}) == -1;
        usleep(1000);
    }
    printf("its clock is gone: %d\n", gone);
    struct rusage before, now;
    getrusage(RUSAGE_SELF, &before);
    const size_t bytes = 32 << 20;
    char* memory =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    memset(memory, 1, bytes);
    getrusage(RUSAGE_SELF, &now);
    printf("peak: %d, faults: %d\n", now.ru_maxrss >= 32 << 10, now.ru_minflt > before.ru_minflt);
    munmap(memory, bytes);
    getrusage(RUSAGE_SELF, &before);
    printf("it stays the peak: %d\n", before.ru_maxrss >= now.ru_maxrss);
    struct rusage r;
    SHOW(syscall(SYS_getrusage, 7, &r));
    SHOW(syscall(SYS_getrusage, RUSAGE_SELF, NULL));
    SHOW(syscall(SYS_getrusage, RUSAGE_SELF, 16));
    SHOW(syscall(SYS_times, 16));
    SHOW_OK(syscall(SYS_times, NULL));
    SHOW(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, 16));
    SHOW(syscall(SYS_clock_gettime, 100, &r));
    return 0;
}
