// SPDX-License-Identifier: BSD-2-Clause
// Signals that are pending over an execve: which stay, in which order, and what is known of them.
// covers: execve, rt_sigqueueinfo, rt_sigpending, rt_sigtimedwait
#include "show.h"

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void show(const char* what, const siginfo_t* info)
{
    printf("%s: signo %d code %d value %d pid %s uid %s\n", what, info->si_signo, info->si_code,
           info->si_signo == SIGCHLD || info->si_signo == SIGALRM ? 0 : info->si_value.sival_int,
           info->si_pid == getpid() ? "own" : "other", info->si_uid == getuid() ? "own" : "other");
}

static void after(void)
{
    siginfo_t info;
    sigset_t set;

    sigpending(&set);
    for (int signo = 1; signo <= SIGRTMAX; signo++)
        if (sigismember(&set, signo) == 1)
            printf("pending: %d\n", signo);
    sigfillset(&set);
    while (sigtimedwait(&set, &info, &(struct timespec){0, 0}) > 0)
        show("after execve", &info);
}

static void send(int signo, int value)
{
    MUST(sigqueue(getpid(), signo, (union sigval){.sival_int = value}) == 0);
}

int main(int argc, char** argv)
{
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 5};
    sigset_t all;
    siginfo_t info;
    int status;

    (void)argv;
    if (argc > 1) {
        after();
        return 0;
    }
    sigfillset(&all);
    MUST(sigprocmask(SIG_BLOCK, &all, NULL) == 0);
    for (int i = 0; i < 5; i++)
        send(SIGRTMIN + 3, 10 + i);
    send(SIGRTMIN + 1, 20);
    send(SIGUSR1, 40);
    send(SIGUSR1, 41);
    raise(SIGUSR2);
    kill(getpid(), SIGTERM);
    MUST(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    MUST(timer_settime(timer, 0, &(struct itimerspec){{0, 0}, {0, 1000}}, NULL) == 0);
    MUST(setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 1000}}, NULL) == 0);
    for (;;) {
        sigset_t pending;

        sigpending(&pending);
        if (sigismember(&pending, SIGALRM) && sigismember(&pending, SIGRTMIN + 5))
            break;
        usleep(1000);
    }
    pid_t child = fork();
    if (child == 0)
        _exit(7);
    MUST(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) == 0);
    /* One that fails leaves all as it was. */
    SHOW(execl("/does/not/exist", "x", NULL));
    child = vfork();
    if (child == 0) {
        execl("/proc/self/exe", "signal_exec", "child", NULL);
        _exit(1);
    }
    MUST(waitpid(child, &status, 0) == child);
    printf("a child has none: %d\n", status);
    fflush(stdout);
    execl("/proc/self/exe", "signal_exec", "after", NULL);
    return 1;
}
