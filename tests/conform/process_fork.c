// SPDX-License-Identifier: BSD-2-Clause
// fork(2): what the child has of its own, what both share, and how the parent learns of its end.
// covers: fork, clone, exit_group
#include "show.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int global = 1;

static void show_status(const char* what, int status)
{
    if (WIFEXITED(status))
        printf("%s: exit %d\n", what, WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        printf("%s: signal %d\n", what, WTERMSIG(status));
}

static void in_child(const char* what, void (*body)(void))
{
    int status = 0;
    fflush(stdout);
    pid_t pid = fork();
    MUST(pid >= 0);
    if (pid == 0) {
        body();
        fflush(stdout);
        _exit(global & 0xff);
    }
    MUST(waitpid(pid, &status, 0) == pid);
    show_status(what, status);
}

static char* map(size_t bytes, int prot)
{
    char* at = mmap(NULL, bytes, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(at != MAP_FAILED);
    return at;
}

enum { big_bytes = 48 << 20 };
static char *big, *read_only, *nothing, *file_pages;

static void changes(void)
{
    global = 21;
    for (size_t at = 0; at < big_bytes; at += 3 << 20)
        big[at] = 2;
    file_pages[0] = '!';
}

static void looks(void)
{
    int sum = 0;
    for (size_t at = 0; at < big_bytes; at += 4096)
        sum += big[at];
    printf("child sees %d of %d, %.5s, read-only %d\n", sum, big_bytes / 4096, file_pages, read_only[0]);
    SHOW(write(open("/dev/null", O_WRONLY), nothing, 1)); /* null takes what nobody reads */
    int fds[2];
    MUST(pipe(fds) == 0);
    SHOW(write(fds[1], nothing, 1));
    SHOW(write(fds[1], "x", 1));
    SHOW(read(fds[0], read_only, 1));
}

static void makes_writable(void)
{
    SHOW(mprotect(read_only, 4096, PROT_READ | PROT_WRITE));
    read_only[0] = 77;
    SHOW(mprotect(big, 8192, PROT_READ));
    SHOW(mprotect(big, 8192, PROT_READ | PROT_WRITE));
    big[0] = 9;
    printf("child: %d %d\n", read_only[0], big[0]);
}

static void unmaps(void)
{
    SHOW(munmap(big, big_bytes));
    SHOW(munmap(file_pages, 4096));
    global = 5;
}

static void crashes(void)
{
    signal(SIGSEGV, SIG_DFL);
    *(volatile char*)nothing = 1;
}

static void forks(void)
{
    int status = 0;
    global = 30;
    pid_t pid = fork();
    if (pid == 0) {
        global += 1;
        _exit(global);
    }
    MUST(waitpid(pid, &status, 0) == pid);
    show_status("grandchild", status);
    SHOW(waitpid(-1, &status, 0));
}

static void* runs(void* arg)
{
    (void)arg;
    return (void*)(long)(global + 1);
}

static void has_threads(void)
{
    pthread_t threads[4];
    void* result;
    for (int i = 0; i < 4; i++)
        MUST(pthread_create(&threads[i], NULL, runs, NULL) == 0);
    for (int i = 0; i < 4; i++)
        MUST(pthread_join(threads[i], &result) == 0);
    global = (int)(long)result;
}

static void* forks_too(void* arg)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        MUST(getpid() == gettid());
        _exit(*(int*)arg);
    }
    MUST(waitpid(pid, &status, 0) == pid);
    return (void*)(long)WEXITSTATUS(status);
}

static volatile int shared_by_thread;
static void* busy(void* arg)
{
    while (!*(volatile int*)arg)
        shared_by_thread++;
    return NULL;
}

/* No number is free for another descriptor: a child needs none. */
static void forks_without_room(void)
{
    int last = -1, fd, status = 0, number = 5;
    void* result;
    pthread_t thread;

    while ((fd = open("/dev/null", O_RDONLY)) >= 0)
        last = fd;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        pid = fork();
        if (pid == 0)
            _exit(open("/dev/null", O_RDONLY) < 0 && errno == EMFILE ? 21 : 22);
        waitpid(pid, &status, 0);
        _exit(WEXITSTATUS(status) + 1);
    }
    MUST(pid > 0);
    MUST(waitpid(pid, &status, 0) == pid);
    show_status("without room", status);
    pid = vfork();
    if (pid == 0)
        _exit(23);
    MUST(waitpid(pid, &status, 0) == pid);
    show_status("vfork without room", status);
    MUST(pthread_create(&thread, NULL, forks_too, &number) == 0);
    MUST(pthread_join(thread, &result) == 0);
    printf("a thread, too: %ld\n", (long)result);
    fflush(stdout);
    for (fd = 3; fd <= last; fd++)
        close(fd);
}

/* Once with the right to have more, once without. */
static void forks_at_limits(void)
{
    struct rlimit limit = {64, 64}, before;
    int status = 0;

    MUST(getrlimit(RLIMIT_NOFILE, &before) == 0);
    limit.rlim_max = before.rlim_max;
    MUST(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    forks_without_room();
    pid_t pid = fork();
    if (pid == 0) {
        limit.rlim_max = limit.rlim_cur;
        MUST(setrlimit(RLIMIT_NOFILE, &limit) == 0);
        (void)!setuid(65534);
        forks_without_room();
        MUST(getrlimit(RLIMIT_NOFILE, &limit) == 0);
        printf("the limits are what they were: %d\n", limit.rlim_cur == 64 && limit.rlim_max == 64);
        fflush(stdout);
        _exit(0);
    }
    MUST(waitpid(pid, &status, 0) == pid);
    show_status("at the hard limit", status);
    MUST(setrlimit(RLIMIT_NOFILE, &before) == 0);
}

int main(void)
{
    big = map(big_bytes, PROT_READ | PROT_WRITE);
    for (size_t at = 0; at < big_bytes; at += 4096)
        big[at] = 1;
    read_only = map(4096, PROT_READ | PROT_WRITE);
    read_only[0] = 11;
    MUST(mprotect(read_only, 4096, PROT_READ) == 0);
    nothing = map(4096, PROT_NONE);
    int fd = open("/etc/debian_version", O_RDONLY);
    MUST(fd >= 0);
    file_pages = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    MUST(file_pages != MAP_FAILED);
    char first = file_pages[0];

    in_child("changes", changes);
    printf("parent: %d %d %d\n", global, big[0], file_pages[0] == first);
    in_child("looks", looks);
    in_child("makes writable", makes_writable);
    printf("parent: %d %d\n", read_only[0], big[0]);
    in_child("unmaps", unmaps);
    printf("parent: %d %d\n", big[big_bytes - 4096], file_pages[0] == first);
    in_child("crashes", crashes);
    in_child("forks", forks);
    in_child("has threads", has_threads);

    /* The parent writes while the child looks. */
    int up[2], down[2], value = 0;
    MUST(pipe(up) == 0 && pipe(down) == 0);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        MUST(read(down[0], &value, sizeof value) == sizeof value);
        value = big[5 << 20] * 100 + global;
        MUST(write(up[1], &value, sizeof value) == sizeof value);
        _exit(0);
    }
    big[5 << 20] = 50;
    global = 60;
    MUST(write(down[1], &value, sizeof value) == sizeof value);
    MUST(read(up[0], &value, sizeof value) == sizeof value);
    MUST(waitpid(pid, NULL, 0) == pid);
    printf("child saw %d, parent has %d %d\n", value, big[5 << 20], global);

    /* Threads that fork at the same time, beside one that writes all the time. */
    int stop = 0, numbers[4] = {1, 2, 3, 4};
    pthread_t writer, forkers[4];
    MUST(pthread_create(&writer, NULL, busy, &stop) == 0);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 4; i++)
            MUST(pthread_create(&forkers[i], NULL, forks_too, &numbers[i]) == 0);
        for (int i = 0; i < 4; i++) {
            void* result;
            MUST(pthread_join(forkers[i], &result) == 0);
            MUST((long)result == numbers[i]);
        }
    }
    int before = shared_by_thread;
    for (int tries = 0; tries < 1000 && before == shared_by_thread; tries++)
        usleep(10000);
    printf("the writer goes on: %d\n", shared_by_thread != before);
    *(volatile int*)&stop = 1;
    MUST(pthread_join(writer, NULL) == 0);

    forks_at_limits();

    /* Flags that make no sense. */
    SHOW(syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0));
    SHOW(syscall(SYS_clone, CLONE_THREAD | SIGCHLD, 0, 0, 0, 0));
    SHOW(syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, 0, 0, 0, 0));
    int status = 0, tid = 0, pidfd = -1;
    fflush(stdout);
    pid = (pid_t)syscall(SYS_clone, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, 0, &tid, &global, 0);
    if (pid == 0)
        _exit(global == getpid() ? 17 : 18);
    MUST(waitpid(pid, &status, 0) == pid);
    printf("told: %d\n", tid == pid);
    show_status("clone", status);
    pid = (pid_t)syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &pidfd, 0, 0);
    if (pid == 0)
        _exit(19);
    siginfo_t info;
    SHOW(waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED));
    printf("by pidfd: %d %d %d\n", info.si_pid == pid, info.si_code == CLD_EXITED, info.si_status);
    return 0;
}
