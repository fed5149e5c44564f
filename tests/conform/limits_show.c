// SPDX-License-Identifier: BSD-2-Clause
// What the limits of the shell that started it mean to a program: stacks, memory, locked memory, descriptors. By itself
// under the limits that the runner has; cases.toml starts it under others.
// covers: prlimit64, mlock, mlockall, mmap, brk, poll, select
// timeout: 60
#include "show.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MIB = 1 << 20 };

static rlim_t limit_of(int resource)
{
    struct rlimit limit;
    MUST(getrlimit((__rlimit_resource_t)resource, &limit) == 0);
    return limit.rlim_cur;
}

static void show_limits(void)
{
    char line[256];
    FILE* file = fopen("/proc/self/limits", "r");
    MUST(file);
    while (fgets(line, sizeof line, file))
        if (!strstr(line, "pending signals") && !strstr(line, "Max processes"))
            fputs(line, stdout);
    fclose(file);
}

// Uses so much of the stack, a page at a time.
static __attribute__((noinline)) int deep(size_t bytes)
{
    volatile char frame[4096];
    frame[0] = (char)bytes;
    const int below = bytes > sizeof frame ? deep(bytes - sizeof frame) : 0;
    return below + (frame[0] == (char)bytes);
}

// In a child, which may end by SIGSEGV.
static void show_depth(size_t mib)
{
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0)
        _exit(deep(mib * MIB) == 0);
    int status = -1;
    MUST(child > 0 && waitpid(child, &status, 0) == child);
    printf("%zu MiB deep: %s %d\n", mib, WIFSIGNALED(status) ? "signal" : "status",
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static void* stack_of_thread(void* unused)
{
    (void)unused;
    pthread_attr_t attr;
    size_t size = 0;
    MUST(pthread_getattr_np(pthread_self(), &attr) == 0);
    MUST(pthread_attr_getstacksize(&attr, &size) == 0);
    pthread_attr_destroy(&attr);
    return (void*)size;
}

static void show_stacks(void)
{
    show_depth(1);
    show_depth(7);
    show_depth(100);
    pthread_t thread;
    void* size = NULL;
    const int error = pthread_create(&thread, NULL, stack_of_thread, NULL);
    if (!error)
        pthread_join(thread, &size);
    printf("a thread: %s, its stack %zu\n", error ? strerrorname_np(error) : "made", (size_t)size);
}

static void show_memory(void)
{
    void* all[40];
    int count = 0;
    for (; count < 40; count++) {
        all[count] =
            mmap(NULL, 50 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (all[count] == MAP_FAILED)
            break;
    }
    printf("50 MiB: %d times, then %s\n", count, count < 40 ? strerrorname_np(errno) : "no more asked");
    while (count > 0)
        munmap(all[--count], 50 * MIB);
    printf("brk by 30 MiB: %s\n", sbrk(30 * MIB) == (void*)-1 ? strerrorname_np(errno) : "done");
}

static void show_locks(const char* who)
{
    printf("%s:\n", who);
    char* const memory = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(memory != MAP_FAILED);
    SHOW(mlock(memory, 32 << 10));
    SHOW(mlock(memory + MIB, 64 << 10));
    SHOW(mlock(memory, 4 * MIB));
    SHOW(munlock(memory, 4 * MIB));
    SHOW_OK(mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0));
    SHOW(mlockall(MCL_FUTURE));
    SHOW_OK(mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    SHOW(munlockall());
}

// The highest number that the limit allows, and what can be done with it.
static void show_descriptors(void)
{
    const rlim_t most = limit_of(RLIMIT_NOFILE);
    const int last = most > 1048576 ? 1048575 : (int)most - 1;
    printf("descriptors: %lld, sysconf %ld\n", (long long)most, sysconf(_SC_OPEN_MAX));
    SHOW(dup2(1, last) == last);
    SHOW(dup2(1, last + 1));
    int ends[2];
    MUST(pipe(ends) == 0);
    SHOW(fcntl(ends[0], F_DUPFD, last / 2) == last / 2);
    MUST(write(ends[1], "x", 1) == 1);
    struct pollfd ready[2] = {{last / 2, POLLIN, 0}, {last, POLLOUT, 0}};
    SHOW(poll(ready, 2, 0) >= 1 && ready[0].revents == POLLIN);
    // select(2) itself takes any number; only glibc's fd_set ends at 1024.
    const size_t bytes = (size_t)(last / 64 + 1) * 8;
    unsigned long* const set = calloc(1, bytes);
    set[last / 2 / 64] |= 1ul << (last / 2 % 64);
    struct timeval none = {0, 0};
    SHOW(syscall(SYS_select, last + 1, set, NULL, NULL, &none));
    free(set);
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0)
        _exit(fcntl(last, F_GETFD) != 0);
    int status = -1;
    MUST(child > 0 && waitpid(child, &status, 0) == child);
    printf("in a child: %d\n", status);
    SHOW(syscall(SYS_close_range, 3, ~0u, 0));
    SHOW(fcntl(last, F_GETFD));
}

int main(int argc, char** argv)
{
    (void)argv;
    show_limits();
    show_stacks();
    show_memory();
    show_descriptors();
    show_locks("as it was started");
    if (argc == 1 && geteuid() == 0) {
        MUST(setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
        show_locks("without privileges");
    }
    return 0;
}
