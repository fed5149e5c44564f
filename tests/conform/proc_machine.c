// SPDX-License-Identifier: BSD-2-Clause
// Does everything that tells of CPUs and nodes tell of the same ones? What differs between Linux and the LWK (their
// number) is not printed, only whether it agrees.
// covers: getcpu, sched_getaffinity, sched_setaffinity, sysinfo
#include "show.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

static char text[1 << 20];

static const char* read_file(const char* path)
{
    int fd = open(path, O_RDONLY);
    ssize_t used = 0, got;
    while (fd >= 0 && (got = read(fd, text + used, sizeof text - 1 - (size_t)used)) > 0)
        used += got;
    text[used] = 0;
    close(fd);
    return text;
}

// How many numbers "0-3,5" names.
static int count_list(const char* list)
{
    int count = 0, first, last, used;
    while (sscanf(list, "%d%n", &first, &used) == 1) {
        list += used;
        last = first;
        if (sscanf(list, "-%d%n", &last, &used) == 1)
            list += used;
        count += last - first + 1;
        if (*list++ != ',')
            break;
    }
    return count;
}

static int count_lines(const char* start)
{
    int count = 0;
    for (const char* at = text; at != NULL; at = strchr(at, '\n')) {
        at += *at == '\n';
        count += strncmp(at, start, strlen(start)) == 0;
    }
    return count;
}

static int count_entries(const char* folder, const char* start)
{
    DIR* dir = opendir(folder);
    int count = 0;
    for (struct dirent* e; dir != NULL && (e = readdir(dir)) != NULL;)
        count += strncmp(e->d_name, start, strlen(start)) == 0 && e->d_name[strlen(start)] >= '0' &&
                 e->d_name[strlen(start)] <= '9';
    if (dir != NULL)
        closedir(dir);
    return count;
}

int main(void)
{
    cpu_set_t set;
    MUST(sched_getaffinity(0, sizeof set, &set) == 0);
    const int cpus = get_nprocs();
    printf("online: %d\n", count_list(read_file("/sys/devices/system/cpu/online")) == cpus);
    printf("sysconf: %d\n", sysconf(_SC_NPROCESSORS_ONLN) == cpus);
    printf("affinity: %d\n", CPU_COUNT(&set) == cpus);
    read_file("/proc/cpuinfo");
    printf("cpuinfo: %d\n", count_lines("processor\t:") == cpus && count_lines("flags\t\t:") == cpus);
    read_file("/proc/stat");
    printf("stat: %d %d\n", count_lines("cpu") == cpus + 1, count_lines("btime") == 1);
    read_file("/proc/self/status");
    // Linux counts those that are offline too.
    printf("status: %d\n", count_list(strstr(text, "Cpus_allowed_list:") + 19) >= cpus);
    const int nodes = count_list(read_file("/sys/devices/system/node/online"));
    read_file("/proc/self/status");
    printf("nodes: %d %d\n", count_list(strstr(text, "Mems_allowed_list:") + 19) == nodes,
           count_entries("/sys/devices/system/node", "node") == nodes);

    int in_nodes = 0;
    long kb = 0;
    for (int node = 0; node < nodes; ++node) {
        char path[100];
        snprintf(path, sizeof path, "/sys/devices/system/node/node%d/cpulist", node);
        in_nodes += count_list(read_file(path));
        snprintf(path, sizeof path, "/sys/devices/system/node/node%d/meminfo", node);
        read_file(path);
        char* total = strstr(text, "MemTotal:");
        kb += total != NULL ? atol(total + 9) : 0;
        snprintf(path, sizeof path, "/sys/devices/system/node/node%d/distance", node);
        printf("distance to itself: %d\n", atoi(read_file(path)) == 10 || node > 0);
    }
    printf("CPUs in nodes: %d\n", in_nodes == cpus);
    struct sysinfo info;
    MUST(sysinfo(&info) == 0);
    read_file("/proc/meminfo");
    const long total = atol(strstr(text, "MemTotal:") + 9);
    printf("memory: %d %d %d\n", kb == total, (long)(info.totalram * info.mem_unit >> 10) == total,
           info.freeram <= info.totalram);
    printf("free: %d\n", atol(strstr(text, "MemFree:") + 8) <= total);
    SHOW(syscall(SYS_sysinfo, NULL));

    // Bound to each of them in turn, it is there.
    int right = 0, same = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (!CPU_ISSET(cpu, &set))
            continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        MUST(sched_setaffinity(0, sizeof one, &one) == 0);
        unsigned now = 99, node = 99, vdso_cpu = 98, vdso_node = 98;
        syscall(SYS_getcpu, &now, &node, NULL);
        getcpu(&vdso_cpu, &vdso_node);
        right += (int)now == cpu;
        same += now == vdso_cpu && node == vdso_node;
        char path[100];
        struct stat st;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/node%u", cpu, node);
        same += stat(path, &st) == 0;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
        same += count_list(read_file(path)) >= 1;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cache/index0/shared_cpu_list", cpu);
        same += count_list(read_file(path)) >= 1;
        read_file("/proc/self/stat");
        char* at = strrchr(text, ')');
        for (int field = 2; field < 39; ++field)
            at = strchr(at + 1, ' ');
        same += atoi(at) == cpu;
    }
    printf("getcpu: %d, all agree: %d\n", right == cpus, same == 5 * cpus);

    // The same by other ways of naming them.
    int dir = open("/sys/devices/system/cpu", O_RDONLY | O_DIRECTORY);
    int fd = openat(dir, "online", O_RDONLY);
    SHOW_OK(read(fd, text, 10));
    int root = open("/", O_RDONLY | O_DIRECTORY);
    fd = openat(root, "sys/devices/system/cpu/online", O_RDONLY);
    text[read(fd, text, 100)] = 0;
    printf("from the root: %d\n", count_list(text) == cpus);
    MUST(chdir("/sys/devices/system") == 0);
    printf("from a working directory: %d\n", count_list(read_file("cpu/online")) == cpus);
    SHOW(access("/sys/devices/system/cpu/cpu0", F_OK));
    SHOW(access("/sys/devices/system/cpu/cpu4095", F_OK));
    SHOW(open("/sys/devices/system/node/node63/meminfo", O_RDONLY));
    SHOW_OK(open("/sys/devices/system/cpu/vulnerabilities/meltdown", O_RDONLY));
    return 0;
}
