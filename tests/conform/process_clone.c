// SPDX-License-Identifier: BSD-2-Clause
// clone and clone3: which flags, sizes and stacks Linux refuses, and by which error; namespaces for a child; a thread
// with a directory of its own; exit signals; unshare.
// covers: clone, clone3, unshare, rt_tgsigqueueinfo, setuid, setreuid, setresuid
#include "show.h"

#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char area[4096 + 8] __attribute__((aligned(4096)));

static long with(struct clone_args args, size_t size)
{
    long pid = syscall(SYS_clone3, &args, size);
    if (pid == 0)
        _exit(7);
    if (pid > 0)
        waitpid((pid_t)pid, NULL, __WALL);
    return pid > 0 ? 1 : -1;
}

#define TRY(what, ...)                                                                                       \
    do {                                                                                                     \
        errno = 0;                                                                                           \
        long got_ = with((struct clone_args){__VA_ARGS__}, sizeof(struct clone_args));                       \
        printf("%s: %s\n", what, got_ > 0 ? "ok" : strerrorname_np(errno));                                  \
        fflush(stdout);                                                                                      \
    } while (0)

static void sizes(void)
{
    struct clone_args* args = (void*)area;
    const size_t good[] = {64, 80, 88, 96, 2048, 4096};
    const size_t bad[] = {0, 63, 4097, 1 << 20};

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        memset(area, 0, sizeof area);
        args->exit_signal = SIGCHLD;
        long pid = syscall(SYS_clone3, args, good[i]);
        if (pid == 0)
            _exit(0);
        printf("size %zu: %s\n", good[i], pid > 0 ? "ok" : strerrorname_np(errno));
        if (pid > 0)
            waitpid((pid_t)pid, NULL, 0);
        if (good[i] > sizeof *args) {
            area[good[i] - 1] = 1;
            SHOW(syscall(SYS_clone3, args, good[i]));
        }
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        SHOW(syscall(SYS_clone3, args, bad[i]));
    SHOW(syscall(SYS_clone3, NULL, sizeof *args));
    SHOW(syscall(SYS_clone3, (void*)-4096l, sizeof *args));
}

static void refused(void)
{
    uint64_t stack = (uintptr_t)area;
    TRY("plain", .exit_signal = SIGCHLD);
    TRY("no exit signal", .flags = 0);
    TRY("another exit signal", .exit_signal = SIGUSR1);
    TRY("last exit signal", .exit_signal = 64);
    TRY("no such signal", .exit_signal = 65);
    TRY("exit signal beyond a byte", .exit_signal = 0x100 | SIGCHLD);
    TRY("exit signal in the flags", .flags = SIGCHLD);
    TRY("CLONE_DETACHED", .flags = CLONE_DETACHED, .exit_signal = SIGCHLD);
    TRY("unknown flag", .flags = 1ull << 40, .exit_signal = SIGCHLD);
    TRY("stack without size", .stack = stack, .exit_signal = SIGCHLD);
    TRY("size without stack", .stack_size = 4096, .exit_signal = SIGCHLD);
    TRY("stack beyond the end", .stack = -4096ull, .stack_size = 8192, .exit_signal = SIGCHLD);
    TRY("thread with exit signal", .flags = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, .exit_signal = SIGCHLD);
    TRY("parent with exit signal", .flags = CLONE_PARENT, .exit_signal = SIGCHLD);
    TRY("thread alone", .flags = CLONE_THREAD);
    TRY("handlers alone", .flags = CLONE_SIGHAND, .exit_signal = SIGCHLD);
    TRY("handlers shared and cleared", .flags = CLONE_SIGHAND | CLONE_VM | CLONE_CLEAR_SIGHAND);
    TRY("handlers cleared", .flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD);
    TRY("pidfd of a thread", .flags = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM | CLONE_PIDFD);
    TRY("pidfd nowhere", .flags = CLONE_PIDFD, .exit_signal = SIGCHLD);
    TRY("pidfd with the tid", .flags = CLONE_PIDFD | CLONE_PARENT_SETTID, .pidfd = stack, .parent_tid = stack,
        .exit_signal = SIGCHLD);
    TRY("tid nowhere", .flags = CLONE_PARENT_SETTID, .parent_tid = 64, .exit_signal = SIGCHLD);
    TRY("child's tid nowhere", .flags = CLONE_CHILD_SETTID, .child_tid = 64, .exit_signal = SIGCHLD);
    TRY("tls of the kernel", .flags = CLONE_SETTLS, .tls = -4096ull, .exit_signal = SIGCHLD);
    TRY("set_tid without size", .set_tid = stack, .exit_signal = SIGCHLD);
    TRY("set_tid size without set_tid", .set_tid_size = 1, .exit_signal = SIGCHLD);
    TRY("set_tid too many", .set_tid = stack, .set_tid_size = 33, .exit_signal = SIGCHLD);
    TRY("set_tid nowhere", .set_tid = 64, .set_tid_size = 1, .exit_signal = SIGCHLD);
    TRY("cgroup beyond", .flags = CLONE_INTO_CGROUP, .cgroup = 1ull << 31, .exit_signal = SIGCHLD);
    TRY("mounts and directory", .flags = CLONE_NEWNS | CLONE_FS, .exit_signal = SIGCHLD);
    TRY("user and directory", .flags = CLONE_NEWUSER | CLONE_FS, .exit_signal = SIGCHLD);
    TRY("user of a thread", .flags = CLONE_NEWUSER | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM);
    TRY("pids of a thread", .flags = CLONE_NEWPID | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM);
    TRY("ipc and semaphores", .flags = CLONE_NEWIPC | CLONE_SYSVSEM, .exit_signal = SIGCHLD);
    TRY("semaphores, io, directory", .flags = CLONE_SYSVSEM | CLONE_IO | CLONE_FS, .exit_signal = SIGCHLD);
    TRY("not traced", .flags = CLONE_UNTRACED | CLONE_PTRACE, .exit_signal = SIGCHLD);
    /* The old call takes more. */
    long pid = syscall(SYS_clone, 100l, 0, 0, 0, 0);
    if (pid == 0)
        _exit(9);
    printf("clone, no such exit signal: %s\n", pid > 0 ? "ok" : strerrorname_np(errno));
    if (pid > 0)
        waitpid((pid_t)pid, NULL, __WALL);
    pid = syscall(SYS_clone, (1ull << 32) | CLONE_DETACHED | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        _exit(9);
    printf("clone, high and old flags: %s\n", pid > 0 ? "ok" : strerrorname_np(errno));
    if (pid > 0)
        waitpid((pid_t)pid, NULL, __WALL);
    SHOW(syscall(SYS_clone, CLONE_PIDFD | CLONE_DETACHED | SIGCHLD, 0, area, 0, 0));
    SHOW(syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, 0, area, 0, 0));
}

static void namespaces(void)
{
    char name[65] = "";
    int status = 0;
    fflush(stdout);
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUTS | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) {
        MUST(sethostname("elsewhere", 9) == 0);
        execl("/bin/hostname", "hostname", NULL);
        _exit(98);
    }
    MUST(waitpid(pid, &status, 0) == pid);
    gethostname(name, sizeof name - 1);
    printf("other name: %d, ours is kept: %d\n", WEXITSTATUS(status), strcmp(name, "elsewhere") != 0);
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        SHOW(unshare(CLONE_NEWNS | CLONE_NEWUTS));
        SHOW(sethostname("third", 5));
        SHOW(unshare(CLONE_NEWUSER));
        printf("uid %d\n", (int)getuid());
        SHOW(unshare(0x10));
        SHOW(unshare(CLONE_FILES));
        SHOW(unshare(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD));
        fflush(stdout);
        _exit(0);
    }
    MUST(waitpid(pid, &status, 0) == pid);
    gethostname(name, sizeof name - 1);
    printf("ours is kept: %d\n", strcmp(name, "third") != 0);
}

static char stack[256 << 10] __attribute__((aligned(16)));
static volatile int done;

static int own_directory(void* unused)
{
    (void)unused;
    /* No TLS of its own: only system calls. */
    done = syscall(SYS_chdir, "/usr") == 0 ? 1 : 2;
    syscall(SYS_futex, &done, 1 /* FUTEX_WAKE */, 1, 0, 0, 0);
    syscall(SYS_exit, 0);
    return 0;
}

static void* leaves(void* unused)
{
    (void)unused;
    SHOW(unshare(CLONE_FS));
    SHOW(chdir("/tmp"));
    SHOW(unshare(CLONE_THREAD));
    SHOW(unshare(CLONE_VM));
    SHOW(unshare(CLONE_SIGHAND));
    SHOW(unshare(CLONE_NEWUSER));
    return NULL;
}

static void directories(void)
{
    char here[256];
    pthread_t thread;
    MUST(chdir("/") == 0);
    int flags = CLONE_VM | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
    MUST(clone(own_directory, stack + sizeof stack, flags, NULL) > 0);
    while (done == 0)
        syscall(SYS_futex, &done, 0 /* FUTEX_WAIT */, 0, 0, 0, 0);
    printf("the thread's chdir: %d, ours: %s\n", done, getcwd(here, sizeof here));
    MUST(pthread_create(&thread, NULL, leaves, NULL) == 0);
    pthread_join(thread, NULL);
    printf("ours: %s\n", getcwd(here, sizeof here));
}

static volatile int got, value;
static void on_signal(int signo, siginfo_t* info, void* context)
{
    (void)context;
    got = signo;
    value = info->si_value.sival_int;
}

static void* quiet(void* tid)
{
    sigset_t none;
    *(volatile int*)tid = gettid();
    sigemptyset(&none);
    while (!got)
        usleep(1000);
    printf("the thread got it: %d\n", value);
    return NULL;
}

/* A signal with a value to one thread of another process. */
static void to_thread(void)
{
    volatile int tid = 0;
    int pipes[2], status;
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    MUST(pipe(pipes) == 0 && sigaction(SIGRTMIN + 3, &action, NULL) == 0);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        sigset_t set;
        pthread_t thread;
        MUST(pthread_create(&thread, NULL, quiet, (void*)&tid) == 0);
        while (!tid)
            usleep(1000);
        sigemptyset(&set);
        sigaddset(&set, SIGRTMIN + 3);
        pthread_sigmask(SIG_BLOCK, &set, NULL);
        MUST(write(pipes[1], (void*)&tid, sizeof tid) == sizeof tid);
        pthread_join(thread, NULL);
        fflush(stdout);
        _exit(0);
    }
    MUST(read(pipes[0], (void*)&tid, sizeof tid) == sizeof tid);
    siginfo_t info = {.si_code = SI_QUEUE};
    info.si_value.sival_int = 4711;
    SHOW(syscall(SYS_rt_tgsigqueueinfo, pid, tid, SIGRTMIN + 3, NULL));
    SHOW(syscall(SYS_rt_tgsigqueueinfo, pid, tid, 65, &info));
    SHOW(syscall(SYS_rt_tgsigqueueinfo, pid, 1, SIGRTMIN + 3, &info));
    SHOW(syscall(SYS_rt_tgsigqueueinfo, pid, tid, 0, &info));
    SHOW(syscall(SYS_rt_tgsigqueueinfo, pid, tid, SIGRTMIN + 3, &info));
    info.si_code = SI_TKILL;
    SHOW(syscall(SYS_rt_tgsigqueueinfo, pid, tid, SIGRTMIN + 3, &info));
    info.si_code = SI_USER;
    SHOW(syscall(SYS_rt_tgsigqueueinfo, pid, tid, SIGRTMIN + 3, &info));
    MUST(waitpid(pid, &status, 0) == pid);
}

static void users(void)
{
    siginfo_t info;
    sigset_t set;
    int status;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    MUST(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        SHOW(syscall(SYS_setresuid, 1000, 1001, 0));
        kill(getpid(), SIGUSR1);
        sigwaitinfo(&set, &info);
        printf("sent by %d\n", (int)info.si_uid);
        SHOW(syscall(SYS_setreuid, 1002, 0));
        kill(getpid(), SIGUSR1);
        sigwaitinfo(&set, &info);
        printf("sent by %d\n", (int)info.si_uid);
        SHOW(syscall(SYS_setuid, 1003));
        raise(SIGUSR1);
        sigwaitinfo(&set, &info);
        printf("sent by %d\n", (int)info.si_uid);
        SHOW(syscall(SYS_setuid, 0));
        fflush(stdout);
        _exit(0);
    }
    MUST(waitpid(pid, &status, 0) == pid);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    for (int signo = SIGUSR1; signo <= 64; signo += 64 - SIGUSR1)
        syscall(SYS_rt_sigaction, signo, &(struct {
                    void* handler;
                    long rest[3];
                }){SIG_IGN, {0}},
                NULL, 8);
    sizes();
    refused();
    namespaces();
    directories();
    to_thread();
    users();
    return 0;
}
