/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * micro NAME [SAMPLES [PROGRAM]]: what one operation takes, as a plain Linux program sees it. Prints a number a line,
 * one for each sample: nanoseconds of CLOCK_MONOTONIC for one operation, the mean of as many as fit into two
 * milliseconds. PROGRAM is what is started where that is measured. micro --list names the operations. Run it on one CPU
 * (taskset, mcexec): what needs two threads or processes then switches between them.
 */
#include "micro.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { default_samples = 25, timed_rounds = 8 };
static const double shortest_sample = 2e6; /* ns */

int file = -1;
char* buffer;
pid_t child;
const char* program = "/bin/true";

static const struct operation* const lists[] = {call_operations, task_operations, memory_operations};
enum { num_lists = sizeof(lists) / sizeof(lists[0]) };

static const struct operation* find(const char* name)
{
    for (int i = 0; i < num_lists; i++)
        for (const struct operation* op = lists[i]; op->name != NULL; op++)
            if (strcmp(op->name, name) == 0)
                return op;
    return NULL;
}

static double ns_of(const struct operation* op, long n)
{
    double start = now();

    op->run(n);
    return now() - start;
}

static void measure(const struct operation* op, int samples)
{
    long n = 1;
    double sum;

    if (op->start != NULL)
        op->start();
    for (int i = -1; op->timed != NULL && i < samples; i++) {
        sum = 0;
        for (int k = 0; k < timed_rounds; k++)
            sum += op->timed();
        if (i >= 0) /* the first is to warm up */
            printf("%.1f\n", sum / timed_rounds);
    }
    if (op->timed != NULL)
        return;
    op->run(1);
    while (n < 1 << 22 && ns_of(op, n) < shortest_sample)
        n *= 2;
    for (int i = 0; i < samples; i++)
        printf("%.1f\n", ns_of(op, n) / (double)n);
}

int main(int argc, char** argv)
{
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (int i = 0; i < num_lists; i++)
            for (const struct operation* op = lists[i]; op->name != NULL; op++)
                puts(op->name);
        return 0;
    }
    const struct operation* op = argc > 1 ? find(argv[1]) : NULL;

    if (argc > 3)
        program = argv[3];
    if (op != NULL) {
        measure(op, argc > 2 ? atoi(argv[2]) : default_samples);
        fflush(stdout);
        stop_child();
        _exit(0); /* a second thread may be at it still */
    }
    fprintf(stderr, "usage: micro NAME [SAMPLES [PROGRAM]]; micro --list names the operations\n");
    return 2;
}
