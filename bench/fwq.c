/* SPDX-License-Identifier: BSD-2-Clause */
/* fwq SAMPLES LOOPS: how many ticks of the TSC the same work takes each time. A line for each sample. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t quantum(long loops)
{
    uint64_t start = __builtin_ia32_rdtsc();

    for (long i = 0; i < loops; i++)
        __asm__ volatile("");
    return __builtin_ia32_rdtsc() - start;
}

int main(int argc, char** argv)
{
    long samples = argc > 2 ? atol(argv[1]) : 0, loops = argc > 2 ? atol(argv[2]) : 0;

    if (samples < 1 || loops < 1) {
        fprintf(stderr, "usage: fwq SAMPLES LOOPS\n");
        return 2;
    }
    uint64_t* took = malloc((size_t)samples * sizeof(*took));

    if (took == NULL)
        return 1;
    memset(took, 0, (size_t)samples * sizeof(*took));
    quantum(loops);
    for (long i = 0; i < samples; i++)
        took[i] = quantum(loops);
    for (long i = 0; i < samples; i++)
        printf("%lu\n", took[i]);
    free(took);
    return 0;
}
