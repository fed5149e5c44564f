// SPDX-License-Identifier: BSD-2-Clause
// Order, merging, siginfo and limits of queued signals; the errors of the calls that send and take them.
// covers: kill, tkill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo, rt_sigaction, rt_sigprocmask
// covers: rt_sigpending, rt_sigtimedwait, rt_sigsuspend
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void show(const char* what, const siginfo_t* info)
{
    printf("%s: signo %d code %d errno %d value %d pid %s uid %s\n", what, info->si_signo, info->si_code,
           info->si_errno, info->si_value.sival_int, info->si_pid == getpid() ? "own" : "other",
           info->si_uid == getuid() ? "own" : "other");
}

static void handler(int signo, siginfo_t* info, void* context)
{
    (void)signo;
    (void)context;
    show("handler", info);
}

static void block(int how, int first, int last)
{
    sigset_t set;

    sigemptyset(&set);
    for (int signo = first; signo <= last; signo++)
        sigaddset(&set, signo);
    pthread_sigmask(how, &set, NULL);
}

static void queue(int signo, int value)
{
    union sigval v = {.sival_int = value};

    if (sigqueue(getpid(), signo, v) != 0)
        printf("sigqueue %d: errno %d\n", signo, errno);
}

static void order(void)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

    sigfillset(&action.sa_mask);
    for (int signo = SIGRTMIN; signo <= SIGRTMIN + 3; signo++)
        sigaction(signo, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    block(SIG_BLOCK, 1, SIGRTMAX);
    queue(SIGRTMIN + 2, 1);
    queue(SIGRTMIN + 1, 2);
    queue(SIGRTMIN + 2, 3);
    queue(SIGRTMIN, 4);
    queue(SIGUSR2, 5);
    queue(SIGUSR2, 6);
    queue(SIGRTMIN + 1, 7);
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGRTMIN + 3);
    kill(getpid(), SIGRTMIN + 3);
    raise(SIGRTMIN);
    block(SIG_UNBLOCK, 1, SIGRTMAX);
}

static void waits(void)
{
    struct timespec none = {0, 0};
    sigset_t set;
    siginfo_t info;

    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigaddset(&set, SIGUSR1);
    block(SIG_BLOCK, SIGRTMIN, SIGRTMIN);
    block(SIG_BLOCK, SIGUSR1, SIGUSR1);
    for (int i = 0; i < 3; i++)
        queue(SIGRTMIN, 10 + i);
    queue(SIGUSR1, 20);
    queue(SIGUSR1, 21);
    for (int i = 0; i < 6; i++) {
        int signo = sigtimedwait(&set, &info, &none);

        if (signo < 0)
            printf("sigtimedwait: errno %d\n", errno);
        else
            show("waited", &info);
    }
    block(SIG_UNBLOCK, SIGRTMIN, SIGRTMIN);
}

static void limit(void)
{
    struct rlimit few, old;
    union sigval v = {.sival_int = 0};
    int accepted = 0;

    getrlimit(RLIMIT_SIGPENDING, &old);
    few = old;
    few.rlim_cur = 5;
    printf("setrlimit %d\n", setrlimit(RLIMIT_SIGPENDING, &few));
    block(SIG_BLOCK, SIGRTMIN, SIGRTMIN);
    while (accepted < 100 && sigqueue(getpid(), SIGRTMIN, v) == 0)
        accepted++;
    printf("bounded %d, errno %d\n", accepted <= 5, errno);
    printf("kill all the same %d\n", kill(getpid(), SIGRTMIN));
    signal(SIGRTMIN, SIG_IGN);
    block(SIG_UNBLOCK, SIGRTMIN, SIGRTMIN);
    setrlimit(RLIMIT_SIGPENDING, &old);
}

/* Ignoring forgets what is pending; what is blocked is kept although it would be ignored. */
static void ignoring(void)
{
    sigset_t pending;

    block(SIG_BLOCK, SIGUSR2, SIGUSR2);
    signal(SIGUSR2, SIG_IGN);
    raise(SIGUSR2);
    sigpending(&pending);
    printf("ignored and blocked: pending %d\n", sigismember(&pending, SIGUSR2));
    signal(SIGUSR2, SIG_IGN);
    sigpending(&pending);
    printf("ignored again: pending %d\n", sigismember(&pending, SIGUSR2));
    block(SIG_BLOCK, SIGCHLD, SIGCHLD);
    raise(SIGCHLD);
    sigpending(&pending);
    printf("default and blocked: pending %d\n", sigismember(&pending, SIGCHLD));
    signal(SIGCHLD, SIG_DFL);
    sigpending(&pending);
    printf("default again: pending %d\n", sigismember(&pending, SIGCHLD));
    block(SIG_UNBLOCK, SIGUSR2, SIGUSR2);
    block(SIG_UNBLOCK, SIGCHLD, SIGCHLD);
}

static void raw(const char* what, long result)
{
    printf("%s: %ld errno %d\n", what, result, result < 0 ? errno : 0);
}

static void errors(void)
{
    siginfo_t info;
    pid_t pid = getpid(), tid = (pid_t)syscall(SYS_gettid);

    memset(&info, 0, sizeof info);
    info.si_code = SI_QUEUE;
    raw("kill 65", kill(pid, 65));
    raw("kill -1 signal", kill(pid, -1));
    raw("kill 0 signal", kill(pid, 0));
    raw("kill nobody", kill(0x3fffff, 0));
    raw("kill no group", kill(-0x3fffff, 0));
    raw("kill own group 0", kill(0, 0));
    raw("kill INT_MIN", kill(-2147483647 - 1, 0));
    raw("tgkill 0", syscall(SYS_tgkill, 0, tid, 0));
    raw("tgkill -1", syscall(SYS_tgkill, pid, -1, 0));
    raw("tgkill nobody", syscall(SYS_tgkill, pid, 0x3fffff, 0));
    raw("tgkill bad signal", syscall(SYS_tgkill, pid, tid, 65));
    raw("tgkill nothing", syscall(SYS_tgkill, pid, tid, 0));
    raw("tkill 0", syscall(SYS_tkill, 0, 0));
    raw("tkill nobody", syscall(SYS_tkill, 0x3fffff, 0));
    raw("tkill bad signal", syscall(SYS_tkill, tid, 65));
    raw("rt_sigqueueinfo null", syscall(SYS_rt_sigqueueinfo, pid, SIGUSR1, NULL));
    raw("rt_sigqueueinfo bad signal", syscall(SYS_rt_sigqueueinfo, pid, 65, &info));
    raw("rt_sigqueueinfo nobody", syscall(SYS_rt_sigqueueinfo, 0x3fffff, 0, &info));
    raw("rt_sigqueueinfo forged",
        syscall(SYS_rt_sigqueueinfo, getppid(), 0, &(siginfo_t){.si_code = SI_USER}));
    raw("rt_tgsigqueueinfo 0", syscall(SYS_rt_tgsigqueueinfo, pid, 0, SIGUSR1, &info));
    raw("rt_tgsigqueueinfo", syscall(SYS_rt_tgsigqueueinfo, pid, tid, 0, &info));
    memset(&info, 1, sizeof info);
    info.si_code = 0x7fff;
    raw("rt_sigqueueinfo unknown layout", syscall(SYS_rt_sigqueueinfo, pid, SIGUSR1, &info));
    raw("sigaction KILL", sigaction(SIGKILL, &(struct sigaction){.sa_handler = SIG_IGN}, NULL));
    raw("sigaction KILL read", sigaction(SIGKILL, NULL, &(struct sigaction){.sa_handler = SIG_IGN}));
    raw("rt_sigaction size", syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 4));
    raw("rt_sigaction bad pointer", syscall(SYS_rt_sigaction, SIGUSR1, 8, NULL, 8));
    raw("rt_sigaction 0", syscall(SYS_rt_sigaction, 0, NULL, NULL, 8));
    raw("rt_sigprocmask how", syscall(SYS_rt_sigprocmask, 7, &(sigset_t){{0}}, NULL, 8));
    raw("rt_sigprocmask how, no set", syscall(SYS_rt_sigprocmask, 7, NULL, NULL, 8));
    raw("rt_sigpending size", syscall(SYS_rt_sigpending, &(sigset_t){{0}}, 9));
    raw("rt_sigtimedwait bad time",
        syscall(SYS_rt_sigtimedwait, &(sigset_t){{0}}, NULL, &(struct timespec){0, 1000000000}, 8));
    raw("rt_sigsuspend size", syscall(SYS_rt_sigsuspend, &(sigset_t){{0}}, 9));
}

/* Linux sends to the proxy, which tells all that it knows. */
static void group(void)
{
    setpgid(0, 0);
    printf("kill own group: %d\n", kill(0, SIGUSR1));
    printf("kill own group by its number: %d\n", kill(-getpgrp(), SIGRTMIN + 1));
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

    order();
    waits();
    limit();
    ignoring();
    errors();
    block(SIG_UNBLOCK, 1, SIGRTMAX);
    sigaction(SIGUSR1, &action, NULL);
    group();
    return 0;
}
