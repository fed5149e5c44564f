// SPDX-License-Identifier: BSD-2-Clause
// Timing: the same work over and over on each CPU (fixed work quanta); what it took longer than the best is noise.
#define _GNU_SOURCE
#include "test.h"

#include <sched.h>
#include <time.h>

enum { samples = 1000, work = 2000, buckets = 12 };

static uint64_t took[samples];

__attribute__((noinline)) static uint64_t one_quantum(void)
{
    const uint64_t start = ticks();

    for (int i = 0; i < work; i++)
        __asm__ volatile("");
    return ticks() - start;
}

// Bucket 0 is no noise at all, then by powers of 4 TSC ticks.
static void show_histogram(const unsigned int (*count)[buckets])
{
    printf("  ticks over the best: %d samples on each CPU\n    CPU        0", (int)samples);
    for (int b = 1; b < buckets; b++)
        printf(" <4^%-2d", b);
    printf("\n");
    for (int i = 0; i < machine.num_cpus; i++) {
        printf("    %3d %8u", machine.cpu[i], count[i][0]);
        for (int b = 1; b < buckets; b++)
            printf(" %5u", count[i][b]);
        printf("\n");
    }
}

static void test_clock(void)
{
    struct timespec a, b, pause = {0, 2000000};
    int64_t ns;

    clock_gettime(CLOCK_MONOTONIC, &a);
    CHECK("a task can sleep", nanosleep(&pause, NULL) == 0);
    clock_gettime(CLOCK_MONOTONIC, &b);
    ns = (b.tv_sec - a.tv_sec) * 1000000000ll + b.tv_nsec - a.tv_nsec;
    CHECK("it sleeps as long as it wanted, at least", ns >= 2000000);
}

void test_timing(void)
{
    static unsigned int count[MAX_CPUS][buckets];
    cpu_set_t all;

    test_clock();
    sched_getaffinity(0, sizeof(all), &all);
    for (int i = 0; i < machine.num_cpus; i++) {
        uint64_t best = ~0ull, worst = 0;

        if (!CHECK("a task can move", run_on(machine.cpu[i]) == 0))
            break;
        one_quantum();
        for (int s = 0; s < samples; s++) {
            took[s] = one_quantum();
            best = took[s] < best ? took[s] : best;
            worst = took[s] > worst ? took[s] : worst;
        }
        for (int s = 0; s < samples; s++) {
            int b = 0;

            for (uint64_t over = took[s] - best; over != 0 && b < buckets - 1; over >>= 2)
                b++;
            count[i][b]++;
        }
        printf("  FWQ on CPU %d: best %llu, worst %llu ticks\n", machine.cpu[i], (unsigned long long)best,
               (unsigned long long)worst);
    }
    show_histogram(count);
    sched_setaffinity(0, sizeof(all), &all);
}
