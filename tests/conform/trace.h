/* SPDX-License-Identifier: BSD-2-Clause */
/* What the programs about ptrace(2) have in common. */
#ifndef CONFORM_TRACE_H
#define CONFORM_TRACE_H

#include "show.h"

#include <elf.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct shared {
    atomic_int ready, count[65], go, result, tid;
};
static struct shared* shared;
static volatile long word = 0x1122334455667788;

#define TRACE(request, pid, address, data) (errno = 0, ptrace(request, pid, (void*)(address), (void*)(data)))
#define TRY(what)                                                                                            \
    do {                                                                                                     \
        long got_ = (what);                                                                                  \
        printf("%s: %ld %s\n", #what, got_, errno ? strerrorname_np(errno) : "");                            \
        fflush(stdout);                                                                                      \
    } while (0)

static void pause_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};

    while (nanosleep(&t, &t) != 0 && errno == EINTR)
        ;
}

static void until(atomic_int* what, int value)
{
    while (*what != value)
        pause_ms(1);
}

static void count_signal(int signo)
{
    shared->count[signo]++;
}

static void show_wait(const char* what, pid_t pid, int options)
{
    int status = 0;
    pid_t got;

    errno = 0;
    got = waitpid(pid, &status, options);
    if (got < 0)
        printf("%s: %s\n", what, strerrorname_np(errno));
    else if (got == 0)
        printf("%s: nothing\n", what);
    else if (WIFSTOPPED(status))
        printf("%s: stopped by %d, event %d\n", what, WSTOPSIG(status), status >> 16);
    else
        printf("%s: %s %d\n", what, WIFEXITED(status) ? "exited" : "killed",
               WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    fflush(stdout);
}

__attribute__((unused)) static pid_t start(void (*run)(void))
{
    pid_t pid;

    memset(shared, 0, sizeof *shared);
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        signal(SIGUSR1, count_signal);
        signal(SIGUSR2, count_signal);
        run();
        _exit(7);
    }
    until(&shared->ready, 1);
    return pid;
}

static pid_t me; // of a child that was started so

__attribute__((unused)) static pid_t start_traced(void (*run)(void))
{
    pid_t pid;

    memset(shared, 0, sizeof *shared);
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        me = getpid();
        signal(SIGUSR1, count_signal);
        if (TRACE(PTRACE_TRACEME, 0, 0, 0) != 0)
            _exit(99);
        raise(SIGSTOP);
        run();
        _exit(7);
    }
    show_wait("asked for it", pid, 0);
    return pid;
}

__attribute__((unused)) static void waits(void)
{
    shared->ready = 1;
    until(&shared->go, 1);
    shared->result = word == 42;
}

__attribute__((unused)) static void stop(pid_t pid)
{
    TRY(TRACE(PTRACE_ATTACH, pid, 0, 0));
    show_wait("attached", pid, __WALL);
}

static void begin(void)
{
    signal(SIGUSR1, count_signal);
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    MUST(shared != MAP_FAILED);
    prctl(PR_SET_PTRACER, -1l);
}

#endif
