// SPDX-License-Identifier: BSD-2-Clause
// Processes: fork, exec, wait, pipes, signals.
#define _GNU_SOURCE
#include "test.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t signals_seen;

static void count_signal(int signo)
{
    (void)signo;
    signals_seen++;
}

void fault(void)
{
    int* volatile nowhere = (int*)(uintptr_t)0xdead000;

    *nowhere = 1;
}

int act_as_child(int argc, char** argv)
{
    if (argc == 3 && strcmp(argv[1], "--child") == 0)
        return atoi(argv[2]);
    if (argc == 2 && strcmp(argv[1], "--peer") == 0)
        return peer_main();
    return -1;
}

static void test_fork(void)
{
    int status = 0;
    volatile int mine = 1;
    int* shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const pid_t child = fork();

    if (child == 0) {
        mine = 2;
        *shared = getppid();
        _exit(mine == 2 ? 42 : 1);
    }
    CHECK("fork makes a process", child > 0);
    CHECK("it is waited for", waitpid(child, &status, 0) == child);
    CHECK("its status comes", WIFEXITED(status) && WEXITSTATUS(status) == 42);
    CHECK("its memory was its own", mine == 1);
    CHECK("shared memory is shared", *shared == getpid());
    CHECK("there is nobody else to wait for", waitpid(-1, NULL, 0) == -1 && errno == ECHILD);
    munmap(shared, 4096);
    printf("  fork and wait: status %d\n", WEXITSTATUS(status));
}

static void test_exec(void)
{
    int status = 0;
    const pid_t child = fork();

    if (child == 0) {
        execl("/init", "/init", "--child", "7", (char*)NULL);
        _exit(1);
    }
    CHECK("exec starts a program",
          waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7);
    CHECK("a program that is not there is ENOENT",
          execl("/nothing", "/nothing", (char*)NULL) == -1 && errno == ENOENT);
    printf("  exec: status %d\n", WEXITSTATUS(status));
}

static void test_pipe(void)
{
    enum { bytes = 100000 };
    unsigned long sum = 0, expected = 0;
    static unsigned char piece[4096];
    int ends[2], status = 0;
    ssize_t got;
    pid_t child;

    if (!CHECK("there are pipes", pipe(ends) == 0))
        return;
    child = fork();
    if (child == 0) {
        for (int i = 0; i < bytes; i++) {
            const unsigned char c = (unsigned char)(i % 251);

            if (write(ends[1], &c, 1) != 1)
                _exit(1);
            i += 99; // not each byte by itself
        }
        _exit(0);
    }
    close(ends[1]);
    for (int i = 0; i < bytes; i += 100)
        expected += (unsigned long)(i % 251);
    while ((got = read(ends[0], piece, sizeof(piece))) > 0)
        for (ssize_t i = 0; i < got; i++)
            sum += piece[i];
    CHECK("a pipe ends with its writer", got == 0);
    CHECK("what came is what was sent", sum == expected);
    close(ends[0]);
    waitpid(child, &status, 0);
    CHECK("the writer was content", status == 0);
    CHECK("a pipe without a reader is EPIPE", pipe(ends) == 0 && close(ends[0]) == 0 &&
                                                  signal(SIGPIPE, SIG_IGN) != SIG_ERR &&
                                                  write(ends[1], "x", 1) == -1 && errno == EPIPE);
    close(ends[1]);
    printf("  pipe: sum %lu of %lu\n", sum, expected);
}

static void test_signals(void)
{
    struct sigaction action = {.sa_handler = count_signal};
    int status = 0;
    sigset_t none, usr1;
    pid_t child;

    sigaction(SIGUSR1, &action, NULL);
    sigemptyset(&none);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigprocmask(SIG_BLOCK, &usr1, NULL);
    child = fork();
    if (child == 0) {
        kill(getppid(), SIGUSR1);
        for (;;)
            sigsuspend(&none);
    }
    while (!signals_seen)
        sigsuspend(&none);
    CHECK("a signal arrives", signals_seen == 1);
    CHECK("a process is stopped", kill(child, SIGSTOP) == 0 && waitpid(child, &status, WUNTRACED) == child &&
                                      WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    CHECK("and goes on",
          kill(child, SIGCONT) == 0 && waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status));
    CHECK("and ends", kill(child, SIGTERM) == 0 && waitpid(child, &status, 0) == child &&
                          WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    sigprocmask(SIG_UNBLOCK, &usr1, NULL);
    child = fork();
    if (child == 0) {
        fault();
        _exit(0);
    }
    waitpid(child, &status, 0);
    CHECK("a child's fault is the child's", WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    printf("  signals: %d handled; a child was stopped, continued and ended\n", (int)signals_seen);
}

void test_processes(void)
{
    fflush(stdout);
    test_fork();
    test_exec();
    test_pipe();
    test_signals();
}
