// SPDX-License-Identifier: BSD-2-Clause
// ptrace(2): processes that are seized, interrupted and let wait; events of fork, vfork, clone, execve and exit, with
// the children that come under it; stops by job control.
// covers: ptrace, clone, clone3, fork, vfork, exit, exit_group, wait4, kill, tgkill
#include "trace.h"

#include <spawn.h>

static unsigned long message_of(pid_t pid)
{
    unsigned long message = 0;

    MUST(TRACE(PTRACE_GETEVENTMSG, pid, 0, &message) == 0);
    return message;
}

static void show_info(pid_t pid)
{
    siginfo_t info;

    memset(&info, 0, sizeof info);
    if (TRACE(PTRACE_GETSIGINFO, pid, 0, &info) != 0)
        printf("  no info: %s\n", strerrorname_np(errno));
    else
        printf("  signal %d code %x\n", info.si_signo, info.si_code);
}

static void counts(void)
{
    shared->ready = 1;
    while (!shared->go)
        shared->tid++;
}

static void seized(void)
{
    pid_t pid;
    int before;

    puts("-- seized");
    pid = start(counts);
    TRY(TRACE(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD));
    TRY(TRACE(PTRACE_SEIZE, pid, 0, 0));
    show_wait("it runs on", pid, WNOHANG);
    before = shared->tid;
    until(&shared->ready, 1);
    pause_ms(20);
    printf("it does %d\n", shared->tid != before);
    TRY(TRACE(PTRACE_CONT, pid, 0, 0));
    TRY(TRACE(PTRACE_INTERRUPT, pid, 0, 0));
    show_wait("interrupted", pid, 0);
    show_info(pid);
    before = shared->tid;
    pause_ms(20);
    printf("it rests %d\n", shared->tid == before);
    TRY(TRACE(PTRACE_INTERRUPT, pid, 0, 0));
    TRY(TRACE(PTRACE_CONT, pid, 0, 0));
    show_wait("once more", pid, 0);
    TRY(TRACE(PTRACE_CONT, pid, 0, 0));
    TRY(kill(pid, SIGUSR1));
    show_wait("a signal", pid, 0);
    TRY(TRACE(PTRACE_LISTEN, pid, 0, 0));
    TRY(TRACE(PTRACE_CONT, pid, 0, SIGUSR1));
    until(&shared->count[SIGUSR1], 1);
    shared->go = 1;
    show_wait("its end", pid, 0);
}

static void sleeps_long(void)
{
    struct timespec t = {0, 300000000};

    shared->ready = 1;
    shared->result = nanosleep(&t, NULL) == 0 ? 1 : -errno;
}

static void interrupted_call(void)
{
    pid_t pid;

    puts("-- interrupted in a call");
    pid = start(sleeps_long);
    TRY(TRACE(PTRACE_SEIZE, pid, 0, 0));
    pause_ms(20);
    TRY(TRACE(PTRACE_INTERRUPT, pid, 0, 0));
    show_wait("interrupted", pid, 0);
    TRY(TRACE(PTRACE_CONT, pid, 0, 0));
    show_wait("its end", pid, 0);
    printf("slept %d\n", shared->result);
}

static void stops_seized(void)
{
    pid_t pid;
    int before;

    puts("-- stopped by job control, seized");
    pid = start(counts);
    TRY(TRACE(PTRACE_SEIZE, pid, 0, 0));
    TRY(kill(pid, SIGSTOP));
    show_wait("the signal", pid, 0);
    show_info(pid);
    TRY(TRACE(PTRACE_CONT, pid, 0, SIGSTOP));
    show_wait("the stop", pid, 0);
    show_info(pid);
    TRY(TRACE(PTRACE_LISTEN, pid, 0, 0));
    TRY(TRACE(PTRACE_CONT, pid, 0, 0));
    before = shared->tid;
    pause_ms(20);
    printf("it rests %d\n", shared->tid == before);
    show_wait("nothing new", pid, WNOHANG);
    TRY(kill(pid, SIGCONT));
    show_wait("it is over", pid, 0);
    show_info(pid);
    TRY(TRACE(PTRACE_CONT, pid, 0, 0));
    show_wait("the signal", pid, 0);
    TRY(TRACE(PTRACE_CONT, pid, 0, SIGCONT));
    before = shared->tid;
    pause_ms(20);
    printf("it goes on %d\n", shared->tid != before);

    TRY(kill(pid, SIGSTOP));
    show_wait("the signal", pid, 0);
    TRY(TRACE(PTRACE_CONT, pid, 0, SIGSTOP));
    show_wait("the stop", pid, 0);
    TRY(TRACE(PTRACE_LISTEN, pid, 0, 0));
    TRY(TRACE(PTRACE_INTERRUPT, pid, 0, 0));
    show_wait("interrupted in it", pid, 0);
    TRY(TRACE(PTRACE_CONT, pid, 0, 0));
    pause_ms(10);
    before = shared->tid;
    pause_ms(20);
    printf("its tracer's word goes further %d\n", shared->tid != before);
    shared->go = 1;
    show_wait("its end", pid, 0);
}

static void stops_attached(void)
{
    pid_t pid;

    puts("-- stopped by job control, attached");
    pid = start(counts);
    stop(pid);
    TRY(TRACE(PTRACE_CONT, pid, 0, 0));
    TRY(kill(pid, SIGSTOP));
    show_wait("the signal", pid, 0);
    TRY(TRACE(PTRACE_CONT, pid, 0, SIGSTOP));
    show_wait("the stop", pid, 0);
    show_info(pid);
    TRY(kill(pid, SIGCONT));
    pause_ms(20);
    show_wait("nothing new", pid, WNOHANG);
    TRY(TRACE(PTRACE_CONT, pid, 0, 0));
    show_wait("the signal", pid, 0);
    TRY(TRACE(PTRACE_CONT, pid, 0, 0));
    shared->go = 1;
    show_wait("its end", pid, 0);
}

// It stops itself before it is seized, as strace starts a program.
static void stops_itself(void)
{
    shared->ready = 1;
    raise(SIGSTOP);
    counts();
}

static void seized_stopped(void)
{
    pid_t pid;

    puts("-- seized while it is stopped");
    pid = start(stops_itself);
    show_wait("stopped", pid, WUNTRACED);
    TRY(TRACE(PTRACE_SEIZE, pid, 0, 0));
    show_wait("the stop", pid, 0);
    show_info(pid);
    TRY(TRACE(PTRACE_LISTEN, pid, 0, 0));
    TRY(kill(pid, SIGCONT));
    show_wait("it is over", pid, 0);
    show_info(pid);
    TRY(TRACE(PTRACE_CONT, pid, 0, 0));
    show_wait("the signal", pid, 0);
    TRY(TRACE(PTRACE_CONT, pid, 0, SIGCONT));
    shared->go = 1;
    show_wait("its end", pid, 0);
}

static void* ends(void* arg)
{
    shared->count[1] = (int)(long)arg;
    return NULL;
}

static void makes(void)
{
    char* argv[] = {(char*)"true", NULL};
    pthread_t thread;
    pid_t pid;
    int status;

    shared->ready = 1;
    until(&shared->go, 1);
    pid = fork();
    if (pid == 0)
        _exit(1);
    waitpid(pid, &status, 0);
    pid = vfork();
    if (pid == 0)
        _exit(2);
    waitpid(pid, &status, 0);
    pthread_create(&thread, NULL, ends, (void*)17);
    pthread_join(thread, NULL);
    if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, NULL) == 0)
        waitpid(pid, &status, 0);
    pid = (pid_t)syscall(SYS_clone, 0, 0, 0, 0, 0); // without a signal at its end
    if (pid == 0)
        _exit(3);
    waitpid(pid, &status, __WALL);
    _exit(4);
}

// Signals go to where they were sent, but not those of tracing itself.
static long passed_on(int event, int signo)
{
    return event == 0 && signo != SIGTRAP && signo != SIGSTOP && signo < 128 ? signo : 0;
}

// Goes on with whoever stops, and says of each process, by the order in which they come, what it does.
static void follow(pid_t pid, int request)
{
    pid_t seen[32];
    char said[32][2000] = {{0}};
    int n = 1, i, status, left = 1, children = 0;
    size_t at;

    seen[0] = pid;
    while (left > 0) {
        pid_t got = waitpid(-1, &status, __WALL);
        int event, signo;

        MUST(got > 0);
        for (i = 0; i < n && seen[i] != got; i++)
            ;
        if (i == n) {
            MUST(n < 32);
            seen[n++] = got;
            left++;
        }
        at = strlen(said[i]);
        if (!WIFSTOPPED(status)) {
            snprintf(said[i] + at, sizeof said[i] - at, " ends %x", status);
            left--;
            continue;
        }
        event = status >> 16;
        signo = WSTOPSIG(status);
        if (signo == SIGCHLD) { // comes before the next event or behind it, as it likes
            children++;
            MUST(TRACE(request, got, 0, SIGCHLD) == 0);
            continue;
        }
        snprintf(said[i] + at, sizeof said[i] - at, " %d/%d", signo, event);
        at = strlen(said[i]);
        if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE) {
            pid_t child = (pid_t)message_of(got);
            int k;

            for (k = 0; k < n && seen[k] != child; k++)
                ;
            if (k == n) {
                MUST(n < 32);
                seen[n++] = child;
                left++;
            }
            snprintf(said[i] + at, sizeof said[i] - at, "(%d)", k);
        } else if (event == PTRACE_EVENT_VFORK_DONE) {
            int k;

            for (k = 0; k < n && seen[k] != (pid_t)message_of(got); k++)
                ;
            snprintf(said[i] + at, sizeof said[i] - at, "(%d)", k);
        } else if (event == PTRACE_EVENT_EXIT) {
            snprintf(said[i] + at, sizeof said[i] - at, "(%lx)", message_of(got));
        }
        MUST(TRACE(request, got, 0, passed_on(event, signo)) == 0);
    }
    for (i = 0; i < n; i++)
        printf("%d:%s\n", i, said[i]);
    printf("SIGCHLD %d\n", children);
    fflush(stdout);
}

static void events(int seize, long options)
{
    pid_t pid;

    printf("-- events, %s, options %lx\n", seize ? "seized" : "attached", options);
    pid = start(makes);
    if (seize) {
        TRY(TRACE(PTRACE_SEIZE, pid, 0, options));
    } else {
        stop(pid);
        TRY(TRACE(PTRACE_SETOPTIONS, pid, 0, options));
        TRY(TRACE(PTRACE_CONT, pid, 0, 0));
    }
    shared->go = 1;
    follow(pid, PTRACE_CONT);
}

static void* executes(void* arg)
{
    char* argv[] = {(char*)"sh", (char*)"-c", (char*)"exit 9", NULL};

    (void)arg;
    shared->tid = (int)syscall(SYS_gettid);
    execve("/bin/sh", argv, NULL);
    return NULL;
}

static void executes_in_thread(void)
{
    pthread_t thread;

    shared->ready = 1;
    until(&shared->go, 1);
    pthread_create(&thread, NULL, executes, NULL);
    pause();
}

static void exec_by_thread(void)
{
    pid_t pid;
    int status, was;

    puts("-- a thread that is not the first executes a program");
    pid = start(executes_in_thread);
    TRY(TRACE(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC));
    shared->go = 1;
    for (;;) {
        pid_t got = waitpid(-1, &status, __WALL);

        MUST(got > 0);
        if (WIFSTOPPED(status) && status >> 16 == PTRACE_EVENT_EXEC) {
            was = (int)message_of(got);
            printf("executed, by the thread %d, now the first %d\n", was == shared->tid, got == pid);
        }
        if (!WIFSTOPPED(status)) {
            printf("the process %d, status %x\n", got == pid, status);
            if (got == pid)
                break;
            continue;
        }
        MUST(TRACE(PTRACE_CONT, got, 0, 0) == 0);
    }
}

static void detached(void)
{
    pid_t pid;

    puts("-- detached, from a child that came under it as well");
    pid = start(makes);
    TRY(TRACE(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEFORK));
    shared->go = 1;
    show_wait("it forks", pid, 0);
    {
        pid_t child = (pid_t)message_of(pid);

        show_wait("its child", child, __WALL);
        TRY(TRACE(PTRACE_DETACH, child, 0, 0) == 0);
    }
    TRY(TRACE(PTRACE_DETACH, pid, 0, 0) == 0);
    show_wait("its end", pid, 0);
}

int main(void)
{
    begin();
    seized();
    interrupted_call();
    stops_seized();
    stops_attached();
    seized_stopped();
    events(0, PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
                  PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXIT);
    events(1, PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
                  PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXIT);
    events(1, 0);
    events(0, PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACECLONE);
    exec_by_thread();
    detached();
    return 0;
}
