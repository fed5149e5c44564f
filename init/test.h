/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the built-in initial task share. Each test writes lines of its own and returns how many failed. */
#ifndef INIT_TEST_H
#define INIT_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define MAX_CPUS 256
#define MAX_NODES 64

struct machine {
    int num_cpus;
    int num_nodes;
    int cpu[MAX_CPUS]; /* numbers of those that the task may use */
    bool has_memory[MAX_NODES];
};
extern struct machine machine;

/* One thing that is checked; counts those that are not as they should be. */
#define CHECK(what, holds) check(what, holds, __FILE__, __LINE__)
bool check(const char* what, bool holds, const char* file, int line);
extern int failures;
void skip(const char* why); // the rest of this test, which says so

void fault(void);           /* a write where nothing is */
int run_on(int cpu);        /* from now on; 0, or -1 */
int current_cpu(int* node); /* as the kernel tells; node may be NULL */
int node_of_page(void* page);

static inline uint64_t ticks(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

void test_tasks(void);
void test_memory(void);
void test_processes(void);
void test_peers(void);
void test_timing(void);

int peer_main(void); /* of a process of test_peers(): its status */

/* What the program does when it is its own child (processes.c); -1: nothing. */
int act_as_child(int argc, char** argv);

#endif
