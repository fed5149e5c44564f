// SPDX-License-Identifier: BSD-2-Clause
// The built-in initial task: shows the machine and tests it. An argument names a test to run alone; --fault dies of a
// fault, for those who want to see what then happens.
#define _GNU_SOURCE
#include "test.h"

#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

struct machine machine;
int failures;
static const char* skipped;

bool check(const char* what, bool holds, const char* file, int line)
{
    if (!holds) {
        const char* name = strrchr(file, '/');

        failures++;
        printf("  WRONG: %s (%s:%d)\n", what, name ? name + 1 : file, line);
    }
    return holds;
}

void skip(const char* why)
{
    skipped = why;
}

int run_on(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof(set), &set);
}

int current_cpu(int* node)
{
    unsigned int cpu = 0, n = 0;

    if (syscall(SYS_getcpu, &cpu, &n, NULL) != 0)
        return -1;
    if (node)
        *node = (int)n;
    return (int)cpu;
}

int node_of_page(void* page)
{
    enum { mpol_f_node = 1, mpol_f_addr = 2 };
    int node = -1;

    return syscall(SYS_get_mempolicy, &node, NULL, 0ul, page, (long)(mpol_f_node | mpol_f_addr)) == 0 ? node
                                                                                                      : -1;
}

static void look_at_machine(void)
{
    enum { mpol_f_mems_allowed = 4 };
    unsigned long nodes[MAX_NODES / 64] = {0};
    cpu_set_t set;

    CPU_ZERO(&set);
    sched_getaffinity(0, sizeof(set), &set);
    for (int i = 0; i < MAX_CPUS; i++)
        if (CPU_ISSET(i, &set))
            machine.cpu[machine.num_cpus++] = i;
    syscall(SYS_get_mempolicy, NULL, nodes, (long)MAX_NODES + 1, NULL, (long)mpol_f_mems_allowed);
    for (int i = 0; i < MAX_NODES; i++) {
        machine.has_memory[i] = (nodes[i / 64] >> i % 64 & 1) != 0;
        if (machine.has_memory[i])
            machine.num_nodes = i + 1;
    }
    for (int i = 0; i < machine.num_cpus; i++) {
        int node = 0;

        if (run_on(machine.cpu[i]) == 0 && current_cpu(&node) >= 0 && node >= machine.num_nodes)
            machine.num_nodes = node + 1;
    }
    sched_setaffinity(0, sizeof(set), &set);
}

static void show_machine(void)
{
    struct sysinfo info;
    struct utsname name;

    if (uname(&name) == 0)
        printf("%s %s on %s\n", name.sysname, name.release, name.machine);
    if (sysinfo(&info) == 0)
        printf("%d CPUs, %d nodes, %lu MiB of memory, %lu MiB free\n", machine.num_cpus, machine.num_nodes,
               (unsigned long)(info.totalram * info.mem_unit >> 20),
               (unsigned long)(info.freeram * info.mem_unit >> 20));
    for (int node = 0; node < machine.num_nodes; node++) {
        cpu_set_t all;
        const char* comma = "";

        printf("node %d: CPUs ", node);
        sched_getaffinity(0, sizeof(all), &all);
        for (int i = 0; i < machine.num_cpus; i++) {
            int of = -1;

            run_on(machine.cpu[i]);
            current_cpu(&of);
            if (of != node)
                continue;
            printf("%s%d", comma, machine.cpu[i]);
            comma = ",";
        }
        sched_setaffinity(0, sizeof(all), &all);
        printf("%s, %s\n", *comma ? "" : "none", machine.has_memory[node] ? "memory" : "no memory");
    }
}

static const struct test {
    const char* name;
    const char* word;
    void (*run)(void);
} tests[] = {
    {"task management", "tasks", test_tasks},   {"memory", "memory", test_memory},
    {"processes", "processes", test_processes}, {"SMARTMAP and XPMEM", "peers", test_peers},
    {"timing", "timing", test_timing},
};

static int run_test(const struct test* test)
{
    printf("\nTEST BEGIN: %s\n", test->name);
    failures = 0;
    skipped = NULL;
    test->run();
    if (skipped && !failures)
        printf("TEST END: %s: SKIPPED, %s\n", test->name, skipped);
    else
        printf("TEST END: %s: %s (rc=%d)\n", test->name, failures ? "FAILED" : "PASSED", failures ? 1 : 0);
    return failures != 0;
}

int main(int argc, char** argv)
{
    int failed = 0, num_skipped = 0, ran = 0;
    const uint64_t start = ticks();
    const int as_child = act_as_child(argc, argv);

    if (as_child >= 0)
        return as_child;
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("Hello from the initial task of Stillcore.\n");
    printf("Its first instruction was at TSC tick %llu.\n", (unsigned long long)start);
    look_at_machine();
    show_machine();
    if (argc > 1 && strcmp(argv[1], "--fault") == 0)
        fault();
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        bool wanted = argc < 2;

        for (int a = 1; a < argc; a++)
            wanted = wanted || strcmp(argv[a], tests[i].word) == 0;
        if (!wanted)
            continue;
        failed += run_test(&tests[i]);
        num_skipped += skipped && !failures ? 1 : 0;
        ran++;
    }
    printf("\n%d of %d tests passed, %d skipped\n", ran - failed - num_skipped, ran, num_skipped);
    return failed || !ran ? 1 : 0;
}
