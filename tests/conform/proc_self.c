// SPDX-License-Identifier: BSD-2-Clause
// What a program reads of itself in /proc/self.
// covers: open, openat, readlink, getdents64, prctl, getpid
#include "show.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char text[1 << 20];

static int read_file(const char* path)
{
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return -1;
    ssize_t used = 0, got;
    while ((got = read(fd, text + used, sizeof text - 1 - (size_t)used)) > 0)
        used += got;
    text[used] = 0;
    close(fd);
    return (int)used;
}

// The line of maps that holds the address: its permissions and the end of its name.
static void show_area(const char* what, const void* address)
{
    MUST(read_file("/proc/self/maps") > 0);
    for (char* line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        unsigned long start, end;
        char perms[8], name[256] = "";
        sscanf(line, "%lx-%lx %7s %*s %*s %*s %255s", &start, &end, perms, name);
        if ((unsigned long)address >= start && (unsigned long)address < end) {
            const char* slash = strrchr(name, '/');
            printf("%s: %s %s\n", what, perms, slash != NULL ? slash + 1 : name);
            return;
        }
    }
    printf("%s: not there\n", what);
}

static long status_value(const char* file, const char* key, int base)
{
    MUST(read_file(file) > 0);
    char* at = strstr(text, key);
    return at != NULL ? strtol(at + strlen(key), NULL, base) : -1;
}

static long stat_field(int field)
{
    MUST(read_file("/proc/self/stat") > 0);
    char* at = strrchr(text, ')');
    for (int i = 2; i < field && at != NULL; ++i)
        at = strchr(at + 1, ' ');
    return at != NULL ? strtol(at, NULL, 10) : -1;
}

static int count_entries(const char* path)
{
    DIR* dir = opendir(path);
    int count = 0;
    while (readdir(dir) != NULL)
        ++count;
    closedir(dir);
    return count - 2;
}

static void* sleeper(void* pipe_end)
{
    char c;
    prctl(PR_SET_NAME, "sleeper");
    return (void*)read(*(int*)pipe_end, &c, 1);
}

static void memory(void)
{
    static int in_data = 1;
    int on_stack = 2;
    char* heap = malloc(100);
    show_area("code", (void*)&read_file);
    show_area("data", &in_data);
    show_area("stack", &on_stack);
    show_area("heap", heap);
    show_area("vdso", (void*)getauxval(AT_SYSINFO_EHDR));
    show_area("libc", (void*)&strtol);
    char* map = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(map + 8192, 4096, PROT_READ);
    mprotect(map + 16384, 4096, PROT_NONE);
    show_area("mapped", map);
    show_area("read only", map + 8192);
    show_area("none", map + 16384);
    const long size = stat_field(23), pages = status_value("/proc/self/status", "VmSize:", 10);
    char* more = mmap(NULL, 64 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    printf("grew by %ld bytes, %ld kB\n", stat_field(23) - size,
           status_value("/proc/self/status", "VmSize:", 10) - pages);
    munmap(more, 64 << 20);
    show_area("unmapped", more);
    MUST(read_file("/proc/self/statm") > 0);
    long total, resident;
    MUST(sscanf(text, "%ld %ld", &total, &resident) == 2);
    printf("statm is stat's: %d, resident: %d\n", total == stat_field(23) / 4096,
           resident > 0 && resident <= total);
    MUST(read_file("/proc/self/smaps_rollup") > 0);
    printf("rollup: %d\n", strstr(text, "[rollup]") != NULL && strstr(text, "\nPss:") != NULL);
    MUST(read_file("/proc/self/smaps") > 0);
    printf("smaps: %d\n", strstr(text, "VmFlags:") != NULL && strstr(text, "\nRss:") != NULL);
    int fd = open("/proc/self/mem", O_RDWR), got = 0, fresh = 77;
    SHOW(pread(fd, &got, sizeof got, (off_t)(unsigned long)&in_data));
    SHOW(pwrite(fd, &fresh, sizeof fresh, (off_t)(unsigned long)&in_data));
    printf("mem: %d %d\n", got, *(volatile int*)&in_data);
    SHOW(pread(fd, &got, sizeof got, 4096));
    close(fd);
}

static void identity(char** argv)
{
    struct stat by_name, by_exe;
    char link[4096] = "";
    MUST(readlink("/proc/self/exe", link, sizeof link - 1) > 0);
    printf("exe: %s\n", strrchr(link, '/') + 1);
    MUST(stat("/proc/self/exe", &by_exe) == 0 && stat(argv[0], &by_name) == 0);
    printf("the same file: %d\n", by_exe.st_ino == by_name.st_ino && by_exe.st_dev == by_name.st_dev);
    SHOW_OK(open("/proc/self/exe", O_RDONLY));
    SHOW(open("/proc/self/exe", O_RDWR));
    const int length = read_file("/proc/self/cmdline");
    printf("cmdline: %d %d\n", length == (int)strlen(argv[0]) + 1, strcmp(text, argv[0]) == 0);
    memset(argv[0], 'x', strlen(argv[0]));
    argv[0][1] = 0;
    MUST(read_file("/proc/self/cmdline") > 0);
    printf("overwritten: %s\n", text);
    MUST(read_file("/proc/self/environ") > 0);
    printf("environ: %d\n", strncmp(text, "", 0) == 0 && memmem(text, sizeof text, "PATH=", 5) != NULL);
    MUST(read_file("/proc/self/auxv") > 0);
    unsigned long* aux = (unsigned long*)text;
    for (; aux[0] != AT_NULL; aux += 2)
        if (aux[0] == AT_ENTRY || aux[0] == AT_PHDR || aux[0] == AT_BASE || aux[0] == AT_RANDOM)
            printf("auxv %lu: %d\n", aux[0], aux[1] == getauxval(aux[0]));
    prctl(PR_SET_NAME, "a) b (c");
    MUST(read_file("/proc/self/stat") > 0);
    printf("stat: %.9s\n", strchr(text, '('));
    MUST(read_file("/proc/self/comm") > 0);
    printf("comm: %s", text);
    printf("pid: %d\n", atoi((read_file("/proc/self/stat"), text)) == getpid());
}

static void threads(void)
{
    int ends[2];
    pthread_t thread;
    MUST(pipe(ends) == 0);
    pthread_create(&thread, NULL, sleeper, &ends[0]);
    while (status_value("/proc/self/status", "Threads:", 10) != 2)
        usleep(1000);
    usleep(20000);
    printf("tasks: %d, stat: %ld\n", count_entries("/proc/self/task"), stat_field(20));
    DIR* dir = opendir("/proc/self/task");
    for (struct dirent* e; (e = readdir(dir)) != NULL;) {
        char path[300];
        if (e->d_name[0] == '.' || atoi(e->d_name) == getpid())
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", e->d_name);
        MUST(read_file(path) > 0);
        printf("the other: %s", strstr(text, "Name:") != NULL ? "" : "no name\n");
        printf("%d %d\n", strstr(text, "sleeper") != NULL, strstr(text, "State:\tS") != NULL);
        snprintf(path, sizeof path, "/proc/%s/stat", e->d_name);
        MUST(read_file(path) > 0);
        printf("by its own number: %d\n", strstr(text, "(sleeper)") != NULL);
    }
    closedir(dir);
    close(ends[1]);
    pthread_join(thread, NULL);
}

static void on_signal(int signo)
{
    (void)signo;
}

static void signals(void)
{
    sigset_t set;
    signal(SIGUSR1, on_signal);
    signal(SIGHUP, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR2);
    for (const char* const* key = (const char* const[]){"SigPnd:", "SigBlk:", "SigIgn:", "SigCgt:", NULL};
         *key; ++key)
        printf("%s %lx\n", *key, (unsigned long)status_value("/proc/self/status", *key, 16));
}

static void descriptors(void)
{
    char link[300];
    const int before = count_entries("/proc/self/fd");
    int fd = open("/dev/null", O_RDONLY);
    printf("one more: %d, fdinfo: %d\n", count_entries("/proc/self/fd") - before,
           count_entries("/proc/self/fdinfo") - before);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    char target[100] = "";
    MUST(readlink(link, target, sizeof target - 1) > 0);
    printf("%s\n", target);
    int maps = open("/proc/self/maps", O_RDONLY);
    printf("next number: %d, read only: %d\n", maps == fd + 1,
           (fcntl(maps, F_GETFL) & O_ACCMODE) == O_RDONLY);
    SHOW(write(maps, "x", 1));
    SHOW(lseek(maps, 0, SEEK_SET));
    char two[2];
    SHOW(read(maps, two, 2));
    int proc = open("/proc", O_RDONLY | O_DIRECTORY);
    int self = openat(proc, "self", O_RDONLY | O_DIRECTORY);
    MUST(self >= 0);
    int status = openat(self, "status", O_RDONLY);
    SHOW(read(status, two, 2));
    SHOW(openat(self, "nothing", O_RDONLY));
    SHOW(openat(self, "maps", O_RDONLY | O_DIRECTORY));
    SHOW(open("/proc/self/maps", O_RDONLY | O_CREAT | O_EXCL, 0600));
    SHOW(open("/proc/self/maps/", O_RDONLY));
    SHOW(open("/proc/999999999/maps", O_RDONLY));
    SHOW(open((const char*)16, O_RDONLY));
    char* edge = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(edge + 4096, 4096);
    memcpy(edge + 4091, "/proc", 5); // no NUL before the end of the page
    SHOW(open(edge + 4091, O_RDONLY));
    strcpy(edge + 4080, "/proc/self/stat");
    SHOW_OK(open(edge + 4080, O_RDONLY));
}

static void limits(void)
{
    struct rlimit limit = {12 << 20, 0};
    struct rlimit old;
    getrlimit(RLIMIT_STACK, &old);
    limit.rlim_max = old.rlim_max;
    SHOW(setrlimit(RLIMIT_STACK, &limit));
    MUST(read_file("/proc/self/limits") > 0);
    char* line = strstr(text, "Max stack size");
    printf("%.46s\n", line);
    pthread_attr_t attributes;
    void* low;
    size_t bytes;
    MUST(pthread_getattr_np(pthread_self(), &attributes) == 0);
    pthread_attr_getstack(&attributes, &low, &bytes);
    printf("the main stack: %d %d\n", (char*)&limit >= (char*)low && (char*)&limit < (char*)low + bytes,
           bytes >= 7 << 20);
}

int main(int argc, char** argv)
{
    (void)argc;
    identity(argv);
    memory();
    threads();
    signals();
    descriptors();
    limits();
    return 0;
}
