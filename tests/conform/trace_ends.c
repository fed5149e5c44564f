// SPDX-License-Identifier: BSD-2-Clause
// ptrace(2): how tracers and tracees end, the errors, and a process that stops the threads of another in whose
// memory it runs.
// covers: ptrace, clone
#include "trace.h"

static void ends(void)
{
    pid_t pid, tracer;

    puts("-- ends");
    pid = start(waits);
    stop(pid);
    TRY(kill(pid, SIGKILL));
    show_wait("killed", pid, 0);
    TRY(TRACE(PTRACE_CONT, pid, 0, 0));

    pid = start(waits);
    stop(pid);
    TRY(TRACE(PTRACE_KILL, pid, 0, 0));
    show_wait("killed", pid, 0);

    pid = start(waits);
    stop(pid);
    TRY(TRACE(PTRACE_CONT, pid, 0, 0));
    TRY(kill(pid, SIGTERM));
    show_wait("to be ended", pid, 0);
    TRY(TRACE(PTRACE_CONT, pid, 0, SIGTERM));
    show_wait("ended", pid, 0);

    puts("-- a tracer that is no parent, and ends");
    pid = start(waits);
    fflush(stdout);
    tracer = fork();
    if (tracer == 0) {
        stop(pid);
        TRY(TRACE(PTRACE_CONT, pid, 0, 0));
        kill(pid, SIGUSR1);
        show_wait("a signal", pid, 0);
        _exit(0);
    }
    show_wait("the tracer", tracer, 0);
    pause_ms(20);
    printf("what it had been told of: %d\n", shared->count[SIGUSR1]);
    shared->go = 1;
    show_wait("its end", pid, 0);

    puts("-- one that ends before it has waited, and has made the signal's facts up");
    pid = start(waits);
    fflush(stdout);
    tracer = fork();
    if (tracer == 0) {
        siginfo_t info = {.si_signo = 0x7ffffff0};

        stop(pid);
        TRY(TRACE(PTRACE_CONT, pid, 0, 0));
        kill(pid, SIGUSR1);
        while (TRACE(PTRACE_SETSIGINFO, pid, 0, &info) != 0)
            pause_ms(1);
        _exit(0);
    }
    show_wait("the tracer", tracer, 0);
    pause_ms(20);
    printf("what came: %d\n", shared->count[SIGUSR1]);
    shared->go = 1;
    show_wait("its end", pid, 0);

    puts("-- a tracer that takes its tracees along");
    pid = start(waits);
    fflush(stdout);
    tracer = fork();
    if (tracer == 0) {
        stop(pid);
        TRY(TRACE(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_EXITKILL));
        TRY(TRACE(PTRACE_SETOPTIONS, pid, 0, 1 << 30));
        TRY(TRACE(PTRACE_CONT, pid, 0, 0));
        _exit(0);
    }
    show_wait("the tracer", tracer, 0);
    show_wait("its end", pid, 0);
}

static void* trace_self(void* arg)
{
    TRY(TRACE(PTRACE_ATTACH, (pid_t)(long)arg, 0, 0));
    return NULL;
}

static void errors(void)
{
    pid_t pid, other;
    pthread_t thread;

    puts("-- errors");
    TRY(TRACE(PTRACE_ATTACH, getpid(), 0, 0));
    TRY(TRACE(PTRACE_ATTACH, 0, 0, 0));
    TRY(TRACE(PTRACE_ATTACH, -1, 0, 0));
    TRY(TRACE(PTRACE_ATTACH, 999999, 0, 0));
    pthread_create(&thread, NULL, trace_self, (void*)(long)getpid());
    pthread_join(thread, NULL);
    pid = start(waits);
    TRY(TRACE(PTRACE_CONT, pid, 0, 0));
    TRY(TRACE(PTRACE_PEEKDATA, pid, &word, 0));
    TRY(TRACE(PTRACE_DETACH, pid, 0, 0));
    stop(pid);
    TRY(TRACE(PTRACE_ATTACH, pid, 0, 0));
    fflush(stdout);
    other = fork();
    if (other == 0) {
        TRY(TRACE(PTRACE_ATTACH, pid, 0, 0));
        TRY(TRACE(PTRACE_CONT, pid, 0, 0));
        _exit(0);
    }
    show_wait("another", other, 0);
    TRY(TRACE(PTRACE_CONT, pid, 0, 0));
    TRY(TRACE(PTRACE_CONT, pid, 0, 0));
    TRY(kill(pid, SIGKILL));
    show_wait("its end", pid, 0);
    TRY(TRACE(PTRACE_ATTACH, pid, 0, 0));

    pid = start(waits);
    if (geteuid() == 0) {
        fflush(stdout);
        other = fork();
        if (other == 0) {
            TRY(setresuid(12345, 12345, 12345));
            TRY(TRACE(PTRACE_ATTACH, pid, 0, 0));
            _exit(0);
        }
        show_wait("no user of it", other, 0);
    }
    shared->go = 1;
    show_wait("its end", pid, 0);
}

// As LeakSanitizer's: a process in the same memory, that stops all threads of its parent.
enum { THREADS = 4 };
static char stack[65536] __attribute__((aligned(16)));
static pid_t tids[THREADS];
static atomic_int go, stopped, counts[THREADS];

static void* thread(void* arg)
{
    long i = (long)arg;

    tids[i] = gettid();
    shared->ready++;
    if (i == 0)
        while (!go)
            pause_ms(10000);
    while (!go)
        counts[i]++;
    return NULL;
}

static int stop_the_world(void* arg)
{
    int before[THREADS], status, moved = 0;
    long parent = *(long*)arg;
    long ok = getppid() == parent && getpid() != parent && gettid() == getpid();

    for (int i = 0; i < THREADS; i++) {
        ok &= ptrace(PTRACE_ATTACH, tids[i], 0, 0) == 0;
        ok &=
            waitpid(tids[i], &status, __WALL) == tids[i] && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP;
    }
    ok &= ptrace(PTRACE_ATTACH, (pid_t)parent, 0, 0) == 0;
    ok &= waitpid((pid_t)parent, &status, __WALL) == parent;
    for (int i = 0; i < THREADS; i++)
        before[i] = counts[i];
    pause_ms(20);
    for (int i = 0; i < THREADS; i++)
        moved |= counts[i] != before[i];
    for (int i = 0; i < THREADS; i++) {
        struct user_regs_struct regs;

        ok &= ptrace(PTRACE_GETREGS, tids[i], 0, &regs) == 0 && regs.rsp != 0;
        ok &= ptrace(PTRACE_DETACH, tids[i], 0, 0) == 0;
    }
    ok &= ptrace(PTRACE_DETACH, (pid_t)parent, 0, 0) == 0;
    stopped = 1 + (int)ok + 2 * moved;
    return 9;
}

static void world(void)
{
    pthread_t threads[THREADS];
    long self = getpid();

    puts("-- a process in the same memory");
    memset(shared, 0, sizeof *shared);
    for (long i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, thread, (void*)i);
    until(&shared->ready, THREADS);
    for (int i = 0; i < 3; i++) {
        pid_t tracer = clone(stop_the_world, stack + sizeof stack,
                             CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_UNTRACED, &self);

        printf("made %d\n", tracer > 0);
        fflush(stdout);
        show_wait("only with __WALL", tracer, 0);
        show_wait("the tracer", tracer, __WALL);
        printf("stopped %d\n", stopped);
    }
    go = 1;
    pthread_kill(threads[0], SIGUSR1);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

int main(void)
{
    begin();
    ends();
    errors();
    world();
    return 0;
}
