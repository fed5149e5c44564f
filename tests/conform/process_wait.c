// SPDX-License-Identifier: BSD-2-Clause
// wait4(2) and waitid(2) with all their options, groups, sessions, orphans, PR_SET_PDEATHSIG.
// covers: wait4, waitid
#include "show.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t start(int code)
{
    fflush(stdout);
    pid_t pid = fork();
    MUST(pid >= 0);
    if (pid == 0) {
        if (code < 0)
            for (;;)
                pause();
        _exit(code);
    }
    return pid;
}

static int signals;
static void on_child(int signo, siginfo_t* info, void* context)
{
    (void)signo;
    (void)context;
    signals += info->si_code == CLD_EXITED || info->si_code == CLD_KILLED;
}

int main(void)
{
    int status = 0;
    siginfo_t info;
    struct rusage usage;
    SHOW(wait(&status));
    SHOW(waitpid(-1, &status, WNOHANG));
    SHOW(waitid(P_ALL, 0, &info, WEXITED));
    SHOW(waitid(P_ALL, 0, &info, 0));
    SHOW(waitpid(-1, &status, 0x1000));

    pid_t pid = start(-1);
    SHOW(waitpid(pid, &status, WNOHANG));
    kill(pid, SIGTERM);
    SHOW_OK(wait4(pid, &status, 0, &usage));
    printf("signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : -1);

    pid = start(12);
    memset(&info, 0, sizeof info);
    SHOW(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
    printf("left there: %d %d %d\n", info.si_pid == pid, info.si_code == CLD_EXITED, info.si_status);
    SHOW_OK(waitpid(pid, (int*)8, 0));
    pid = start(13);
    SHOW_OK(waitpid(0, &status, 0));
    printf("exit %d\n", WEXITSTATUS(status));
    pid = start(14);
    setpgid(pid, pid);
    SHOW(waitpid(0, &status, WNOHANG));
    SHOW_OK(waitpid(-pid, &status, 0));
    printf("exit %d\n", WEXITSTATUS(status));

    /* A signal for each child, merged at will; SA_NOCLDWAIT leaves nothing to wait for. */
    struct sigaction action = {.sa_sigaction = on_child, .sa_flags = SA_SIGINFO | SA_RESTART};
    MUST(sigaction(SIGCHLD, &action, NULL) == 0);
    pid = start(15);
    SHOW_OK(waitpid(pid, &status, 0));
    printf("told: %d\n", signals > 0);
    action.sa_handler = SIG_IGN;
    action.sa_flags = 0;
    MUST(sigaction(SIGCHLD, &action, NULL) == 0);
    pid = start(16);
    SHOW(waitpid(pid, &status, 0));
    action.sa_handler = SIG_DFL;
    MUST(sigaction(SIGCHLD, &action, NULL) == 0);

    /* Sessions and groups. */
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        pid_t session = setsid();
        printf("session: %d %d %d\n", session == getpid(), getpgrp() == getpid(), getsid(0) == getpid());
        SHOW(setsid());
        fflush(stdout);
        _exit(0);
    }
    SHOW_OK(waitpid(pid, &status, 0));

    /* An orphan goes to the subreaper. */
    MUST(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    int fds[2];
    MUST(pipe(fds) == 0);
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        pid_t old = getpid();
        if (fork() == 0) {
            char c;
            MUST(read(fds[0], &c, 1) == 1);
            _exit(getppid() != old ? 21 : 22);
        }
        _exit(0);
    }
    SHOW_OK(waitpid(pid, &status, 0));
    MUST(write(fds[1], "x", 1) == 1);
    SHOW_OK(wait(&status));
    printf("orphan: exit %d\n", WEXITSTATUS(status));

    /* The parent's death is a signal. */
    pid = fork();
    if (pid == 0) {
        pid_t child = fork();
        if (child == 0) {
            MUST(prctl(PR_SET_PDEATHSIG, SIGUSR1) == 0);
            MUST(write(fds[1], "x", 1) == 1);
            for (;;)
                pause();
        }
        char c;
        MUST(read(fds[0], &c, 1) == 1);
        _exit(0);
    }
    SHOW_OK(waitpid(pid, &status, 0));
    SHOW_OK(wait(&status));
    printf("by the parent's death: signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : -1);
    SHOW(wait(&status));
    return 0;
}
