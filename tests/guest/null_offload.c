/* SPDX-License-Identifier: BSD-2-Clause */
/* null_offload [ROUNDS [PAUSE_US]]: nanoseconds for a call that Linux serves and one that the LWK serves. With a pause
 * between the calls the proxy has gone to sleep each time. */
#include "check.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int ascending(const void* a, const void* b)
{
    double x = *(const double*)a, y = *(const double*)b;

    return x < y ? -1 : x > y;
}

static void measure(const char* name, long number, int rounds, int pause_us)
{
    double* times = malloc((size_t)rounds * sizeof(*times));
    double sum = 0;

    CHECK(times);
    for (int i = 0; i < rounds; i++) {
        double start, until = now() + pause_us * 1e3;

        while (pause_us && now() < until)
            ;
        start = now();
        syscall(number, -1, 0, 0);
        times[i] = now() - start;
        sum += times[i];
    }
    qsort(times, (size_t)rounds, sizeof(*times), ascending);
    printf("%s: median %.0f ns, mean %.0f ns, 1%% %.0f ns, 99%% %.0f ns\n", name, times[rounds / 2],
           sum / rounds, times[rounds / 100], times[rounds - 1 - rounds / 100]);
    free(times);
}

int main(int argc, char** argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 2000;
    int pause_us = argc > 2 ? atoi(argv[2]) : 0;

    CHECK(rounds >= 100);
    measure("offloaded (lseek of no file)", SYS_lseek, rounds, pause_us);
    measure("local (getpid)", SYS_getpid, rounds, pause_us);
    printf("ok null_offload\n");
    return 0;
}
