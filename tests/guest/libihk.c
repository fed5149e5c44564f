/* SPDX-License-Identifier: BSD-2-Clause */
/* The whole life of an instance by the functions of libihk, each of them called: libihk DUMPFILE, as root, with
 * the module loaded and nothing reserved. It takes CPUs 2 and 3 and 256 MiB of node 0; $STILLCORE_IMAGE is the LWK. */
#include "check.h"

#include <ihk.h>

#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const uint32_t cpus[] = {2, 3};
static const struct ihk_mem mem = {.node = 0, .bytes = 256ull << 20};
static struct ihk_error error;

#define GOOD(call)                                                                                           \
    do {                                                                                                     \
        long good_ = (call);                                                                                 \
        if (good_ < 0) {                                                                                     \
            fprintf(stderr, "%s:%d: %s: %ld, %s (%s)\n", __FILE__, __LINE__, #call, good_, error.message,    \
                    error.hint);                                                                             \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

/* It must fail with this number, and say so in words that have this one among them. */
static void refused(long result, int number, const char* word)
{
    if (result != -number || strstr(error.message, word) == NULL) {
        fprintf(stderr, "%ld, '%s', where -%d and '%s' was due\n", result, error.message, number, word);
        exit(1);
    }
    error.message[0] = '\0';
}

static int reserve(void)
{
    uint32_t found[8];
    struct ihk_mem has[4];
    struct ihk_mem odd = {.node = 0, .bytes = 4096};
    uint32_t none = 4000;
    int dev = ihk_open(&error);

    GOOD(dev);
    CHECK(ihk_query_cpus(dev, found, 8, &error) == 0);
    GOOD(ihk_reserve_cpus(dev, cpus, 2, &error));
    refused(ihk_reserve_cpus(dev, &none, 1, &error), EINVAL, "4000");
    refused(ihk_reserve_cpus(dev, cpus, 1, &error), EBUSY, "2");
    CHECK(ihk_query_cpus(dev, found, 1, &error) == 2 && found[0] == 2);
    refused(ihk_reserve_mem(dev, &odd, 1, &error), EINVAL, "4");
    GOOD(ihk_reserve_mem(dev, &mem, 1, &error));
    CHECK(ihk_query_mem(dev, has, 4, &error) == 1 && has[0].node == 0 && has[0].bytes == mem.bytes);
    CHECK(ihk_os_instances(dev, found, 8, &error) == 0);
    return dev;
}

static void assign(int os)
{
    uint32_t servers[2] = {1, IHK_ANY_CPU}, of[2], now[2];
    struct ihk_mem has;
    uint32_t found[2];

    CHECK(ihk_os_health(os, &error) == IHK_HEALTH_INACTIVE);
    GOOD(ihk_os_assign_cpus(os, cpus, 2, &error));
    GOOD(ihk_os_assign_mem(os, &mem, 1, &error));
    CHECK(ihk_os_query_cpus(os, found, 2, &error) == 2 && found[0] == 2 && found[1] == 3);
    CHECK(ihk_os_query_mem(os, &has, 1, &error) == 1 && has.bytes == mem.bytes);
    GOOD(ihk_os_set_ikc_map(os, cpus, servers, 2, &error));
    CHECK(ihk_os_get_ikc_map(os, of, now, 2, &error) == 2);
    CHECK(of[0] == 2 && now[0] == 1 && of[1] == 3 && now[1] == IHK_ANY_CPU);
}

static void boot(int os)
{
    refused(ihk_os_load(os, "/dev/null", &error), ENOEXEC, "/dev/null");
    refused(ihk_os_load(os, "/no/such/image", &error), ENOENT, "/no/such/image");
    GOOD(ihk_os_load(os, NULL, &error));
    GOOD(ihk_os_kargs(os, "color=green", &error));
    GOOD(ihk_os_boot(os, 0, &error));
    CHECK(ihk_os_state(os, &error) == IHK_RUNNING && ihk_os_health(os, &error) == IHK_HEALTH_HEALTHY);
    CHECK(ihk_os_panic_text(os, NULL, 0, &error) == 0);
}

/* mcexec cat, which waits in read(2) on a pipe until the pipe is closed. */
static pid_t start(unsigned os, int* hold)
{
    char number[12];
    int ends[2];
    pid_t child;

    snprintf(number, sizeof number, "%u", os);
    CHECK(pipe(ends) == 0 && (child = fork()) >= 0);
    if (child == 0) {
        dup2(ends[0], 0);
        close(ends[0]);
        close(ends[1]);
        execlp("mcexec", "mcexec", "--os", number, "cat", (char*)NULL);
        _exit(127);
    }
    close(ends[0]);
    *hold = ends[1];
    return child;
}

static bool waits_in_read(int os, pid_t child)
{
    struct ihk_call calls[8];
    int count = ihk_os_calls(os, calls, 8, &error);

    GOOD(count);
    for (int i = 0; i < count && i < 8; i++)
        if ((pid_t)calls[i].pid == child && strcmp(calls[i].name, "read") == 0)
            return true;
    return false;
}

static void look(int os, pid_t child)
{
    struct ihk_process process;
    struct ihk_node_usage node;
    struct ihk_cpu cpu[2];

    for (int i = 0; i < 600 && !waits_in_read(os, child); i++)
        usleep(100000);
    CHECK(waits_in_read(os, child));
    CHECK(ihk_os_processes(os, &process, 1, &error) == 1);
    CHECK((pid_t)process.pid == child && process.uid == 0 && process.num_threads == 1 &&
          process.num_offloading == 1);
    CHECK(process.resident_bytes > 0 && process.resident_bytes <= process.peak_resident_bytes);
    CHECK(process.peak_resident_bytes <= process.virtual_bytes && process.cpu_ns > 0 &&
          process.calls_offloaded > 0);
    CHECK(ihk_os_usage(os, &node, 1, &error) == 1 && node.node == 0);
    CHECK(node.total_bytes == mem.bytes && node.free_bytes > 0);
    CHECK(node.program_bytes[0] + node.program_bytes[1] + node.program_bytes[2] >= process.resident_bytes);
    CHECK(node.program_bytes[0] < node.total_bytes - node.free_bytes);
    CHECK(ihk_os_cpus(os, cpu, 2, &error) == 2 && cpu[0].linux_cpu == 2 && cpu[1].linux_cpu == 3);
    CHECK(cpu[0].calls_offloaded + cpu[1].calls_offloaded >= process.calls_offloaded);
    CHECK(cpu[0].idle_ns > 0 && cpu[0].condition == IHK_CONDITION_FINE && cpu[0].strays == 0);
}

/* Who may only read the device may look, and do nothing else. */
static void look_as_nobody(unsigned number)
{
    char path[32];
    int status;
    pid_t child;

    snprintf(path, sizeof path, "/dev/ihk%u", number);
    CHECK(chmod(path, 0664) == 0 && (child = fork()) >= 0);
    if (child == 0) {
        struct ihk_call call;
        int os;

        CHECK(setgid(65534) == 0 && setuid(65534) == 0);
        refused(ihk_open(&error), EACCES, "/dev/ihk");
        refused(ihk_os_open(number, &error), EACCES, path);
        os = ihk_os_open_to_look(number, &error);
        GOOD(os);
        CHECK(ihk_os_health(os, &error) == IHK_HEALTH_HEALTHY && ihk_os_processes(os, NULL, 0, &error) == 1);
        refused(ihk_os_calls(os, &call, 1, &error), EPERM, "");
        refused(ihk_os_freeze(os, &error), EPERM, "");
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0 && chmod(path, 0660) == 0);
}

static void read_log(int os)
{
    char text[4096];
    uint64_t from = 0;
    long got = ihk_os_kmsg(os, &from, text, sizeof text, &error);

    CHECK(got > 0 && from >= (uint64_t)got && memmem(text, got, "CPU", 3) != NULL);
    GOOD(ihk_os_clear_kmsg(os, &error));
    from = 0;
    CHECK(ihk_os_kmsg(os, &from, text, sizeof text, &error) == 0 && from > 0);
}

static void freeze_and_dump(int os, const char* path)
{
    char magic[4];
    FILE* file;

    GOOD(ihk_os_freeze(os, &error));
    CHECK(ihk_os_state(os, &error) == IHK_FROZEN && ihk_os_health(os, &error) == IHK_HEALTH_FROZEN);
    GOOD(ihk_os_thaw(os, &error));
    CHECK(ihk_os_state(os, &error) == IHK_RUNNING);
    GOOD(ihk_os_dump(os, path, 0, &error));
    CHECK((file = fopen(path, "r")) != NULL && fread(magic, 1, 4, file) == 4 &&
          memcmp(magic, "\177ELF", 4) == 0);
    fclose(file);
    unlink(path);
    refused(ihk_os_dump(os, "/no/such/place", 1, &error), ENOENT, "/no/such/place");
}

int main(int argc, char** argv)
{
    int dev, number, os, hold, status;
    uint32_t left[2];
    pid_t child;

    CHECK(argc == 2);
    dev = reserve();
    number = ihk_create_os(dev, &error);
    GOOD(number);
    refused(ihk_os_open(63, &error), ENODEV, "63");
    os = ihk_os_open(number, &error);
    GOOD(os);
    assign(os);
    boot(os);
    child = start(number, &hold);
    look(os, child);
    look_as_nobody(number);
    close(hold);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    read_log(os);
    freeze_and_dump(os, argv[1]);
    refused(ihk_destroy_os(dev, number, &error), EBUSY, "");
    CHECK(ihk_os_shutdown(os, 0, &error) == 1 && ihk_os_state(os, &error) == IHK_INACTIVE);
    GOOD(ihk_os_release_cpus(os, cpus, 2, &error));
    GOOD(ihk_os_release_mem(os, &mem, 1, &error));
    close(os);
    GOOD(ihk_destroy_os(dev, number, &error));
    GOOD(ihk_release_cpus(dev, cpus, 2, &error));
    GOOD(ihk_release_mem(dev, &mem, 1, &error));
    CHECK(ihk_query_cpus(dev, left, 2, &error) == 0 && ihk_query_mem(dev, NULL, 0, &error) == 0);
    puts("ok libihk");
}
