/* SPDX-License-Identifier: BSD-2-Clause */
/* compute [SECONDS]: a loop that needs nobody; says how much it did. */
#include "check.h"

#include <time.h>

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(int argc, char** argv)
{
    double end = now() + (argc > 1 ? atof(argv[1]) : 0.2);
    volatile unsigned long sum = 0;
    unsigned long rounds = 0;

    while (now() < end) {
        for (int i = 0; i < 100000; i++)
            sum = sum * 6364136223846793005ul + 1442695040888963407ul;
        rounds++;
    }
    printf("ok compute %lu\n", rounds);
    return 0;
}
