// SPDX-License-Identifier: BSD-2-Clause
// ptrace(2) as strace(1) uses it: a child that asks to be traced, stops at system calls, single steps, a program that
// is executed.
// covers: ptrace, execve, kill
#include "trace.h"

#include <linux/ptrace.h>

// Numbers of processes by whose they are.
static long plain(long value, pid_t pid)
{
    return value == pid ? -1001 : value == getpid() ? -1002 : value == getpgrp() ? -1003 : value;
}

// What a stop at a system call says, by each way to ask.
static void show_call(pid_t pid)
{
    struct user_regs_struct regs;
    struct ptrace_syscall_info info;
    unsigned long message = 0;
    siginfo_t sig;
    long got;

    memset(&info, 0, sizeof info);
    memset(&sig, 0, sizeof sig);
    MUST(TRACE(PTRACE_GETREGS, pid, 0, &regs) == 0);
    got = TRACE(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info);
    MUST(TRACE(PTRACE_GETEVENTMSG, pid, 0, &message) == 0);
    MUST(TRACE(PTRACE_GETSIGINFO, pid, 0, &sig) == 0);
    printf("  call %lld result %lld; info %ld: op %d arch %x here %d", (long long)regs.orig_rax,
           (long long)plain((long)regs.rax, pid), got, info.op, info.arch,
           info.instruction_pointer == regs.rip);
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
        printf(" nr %llu first %lld", info.entry.nr, (long long)plain((long)info.entry.args[0], pid));
    if (info.op == PTRACE_SYSCALL_INFO_EXIT)
        printf(" result %lld error %d", (long long)plain((long)info.exit.rval, pid), info.exit.is_error);
    printf("; message %lu; signal %d code %x its own %d\n", message, sig.si_signo, sig.si_code,
           sig.si_pid == pid);
    fflush(stdout);
}

static void makes_calls(void)
{
    char byte;

    syscall(SYS_getpgid, 0);
    syscall(SYS_write, -1, &byte, 1);
    syscall(SYS_read, -1, &byte, 1);
    syscall(1000, 1);
    syscall(SYS_kill, me, SIGUSR1);
    syscall(SYS_lseek, 0, 5, 77);
    shared->result = (int)syscall(SYS_getppid);
}

static void calls(long options)
{
    pid_t pid;
    int i, status;

    printf("-- calls, options %lx\n", options);
    pid = start_traced(makes_calls);
    TRY(TRACE(PTRACE_SETOPTIONS, pid, 0, options));
    for (i = 0; i < 40; i++) {
        MUST(TRACE(PTRACE_SYSCALL, pid, 0, 0) == 0);
        MUST(waitpid(pid, &status, 0) == pid);
        if (!WIFSTOPPED(status))
            break;
        printf("%d: signal %d event %d\n", i, WSTOPSIG(status), status >> 16);
        if (WSTOPSIG(status) == SIGUSR1)
            continue;
        show_call(pid);
    }
    printf("ended %x, handlers %d\n", status, shared->count[SIGUSR1]);
}

// Its tracer makes another call of one, none of another, and changes a result.
static void changed(void)
{
    struct user_regs_struct regs;
    pid_t pid;
    int i, status;

    puts("-- changed");
    pid = start_traced(makes_calls);
    TRY(TRACE(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD));
    for (i = 0; i < 60; i++) {
        MUST(TRACE(PTRACE_SYSCALL, pid, 0, 0) == 0);
        MUST(waitpid(pid, &status, 0) == pid);
        if (!WIFSTOPPED(status))
            break;
        if (WSTOPSIG(status) != (SIGTRAP | 0x80))
            continue;
        MUST(TRACE(PTRACE_GETREGS, pid, 0, &regs) == 0);
        if ((long)regs.orig_rax == SYS_lseek && (long)regs.rax == -ENOSYS)
            MUST(TRACE(PTRACE_POKEUSER, pid, offsetof(struct user, regs.orig_rax), -1) == 0);
        if ((long)regs.orig_rax == SYS_kill && (long)regs.rax == -ENOSYS) {
            regs.orig_rax = SYS_getpgid;
            regs.rdi = 0;
            MUST(TRACE(PTRACE_SETREGS, pid, 0, &regs) == 0);
        }
        if ((long)regs.orig_rax == SYS_getppid && (long)regs.rax != -ENOSYS)
            MUST(TRACE(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rax), 4711) == 0);
        if ((long)regs.orig_rax == -1)
            printf("no call: %lld\n", (long long)regs.rax);
    }
    printf("ended %x, handlers %d, result %d\n", status, shared->count[SIGUSR1], shared->result);
}

static void blocks(void)
{
    struct timespec t = {0, 300000000};

    shared->ready = 1;
    shared->result = nanosleep(&t, NULL) == 0 ? 1 : -errno;
}

static void interrupted(void)
{
    pid_t pid;

    puts("-- a call that a signal interrupts");
    pid = start_traced(blocks);
    TRY(TRACE(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD));
    TRY(TRACE(PTRACE_SYSCALL, pid, 0, 0));
    show_wait("entry", pid, 0);
    show_call(pid);
    TRY(TRACE(PTRACE_SYSCALL, pid, 0, 0));
    pause_ms(50);
    TRY(kill(pid, SIGWINCH));
    show_wait("exit", pid, 0);
    show_call(pid);
    TRY(TRACE(PTRACE_SYSCALL, pid, 0, 0));
    show_wait("the signal", pid, 0);
    TRY(TRACE(PTRACE_SYSCALL, pid, 0, 0));
    show_wait("once more", pid, 0);
    show_call(pid);
    TRY(TRACE(PTRACE_CONT, pid, 0, 0));
    show_wait("its end", pid, 0);
    printf("slept %d\n", shared->result);
}

__attribute__((noinline)) static void steps_here(void)
{
    long result;

    __asm__ volatile("nop\n nop\n mov $110, %%eax\n syscall\n nop\n pushf\n pop %%rcx\n and $0x100, %%ecx"
                     : "=a"(result)
                     :
                     : "rcx", "r11", "memory");
    shared->result = result > 0;
}

static void steps(void)
{
    pid_t pid;
    int i, status = 0, handler = 0, calls_seen = 0;
    struct user_regs_struct regs;
    siginfo_t info;

    puts("-- steps");
    pid = start_traced(steps_here);
    for (i = 0; i < 100000; i++) {
        MUST(TRACE(PTRACE_SINGLESTEP, pid, 0, 0) == 0);
        MUST(waitpid(pid, &status, 0) == pid);
        if (!WIFSTOPPED(status))
            break;
        MUST(WSTOPSIG(status) == SIGTRAP);
        MUST(TRACE(PTRACE_GETREGS, pid, 0, &regs) == 0);
        MUST((regs.eflags & 0x100) == 0);
        MUST(TRACE(PTRACE_GETSIGINFO, pid, 0, &info) == 0);
        if (info.si_code == TRAP_BRKPT)
            calls_seen++;
        else
            MUST(info.si_code == TRAP_TRACE);
        MUST((unsigned long)info.si_addr == regs.rip);
    }
    printf("many %d, calls %d, ended %x, result %d\n", i > 20, calls_seen >= 1, status, shared->result);

    puts("-- a step into a handler");
    pid = start_traced(steps_here);
    MUST(TRACE(PTRACE_SINGLESTEP, pid, 0, SIGUSR1) == 0);
    show_wait("there", pid, 0);
    MUST(TRACE(PTRACE_GETREGS, pid, 0, &regs) == 0);
    handler = regs.rip == (unsigned long)count_signal && regs.rdi == SIGUSR1;
    printf("at its first instruction %d, count %d\n", handler, shared->count[SIGUSR1]);
    TRY(TRACE(PTRACE_SINGLESTEP, pid, 0, 0));
    show_wait("a step further", pid, 0);
    TRY(TRACE(PTRACE_CONT, pid, 0, 0));
    show_wait("its end", pid, 0);
    printf("count %d\n", shared->count[SIGUSR1]);
}

static void executes(void)
{
    char* argv[] = {(char*)"true", NULL};
    char* env[] = {NULL};

    execve("/bin/true", argv, env);
    _exit(98);
}

static void exec_untold(void)
{
    pid_t pid;
    siginfo_t info;
    struct user_regs_struct regs;

    puts("-- execve without an option");
    pid = start_traced(executes);
    TRY(TRACE(PTRACE_CONT, pid, 0, 0));
    show_wait("executed", pid, 0);
    MUST(TRACE(PTRACE_GETSIGINFO, pid, 0, &info) == 0);
    MUST(TRACE(PTRACE_GETREGS, pid, 0, &regs) == 0);
    printf("code %x from itself %d, call %lld result %lld, rbx %lld\n", info.si_code, info.si_pid == pid,
           (long long)regs.orig_rax, (long long)regs.rax, (long long)regs.rbx);
    printf("its stack %d\n", TRACE(PTRACE_PEEKDATA, pid, regs.rsp, 0) == 1 && errno == 0);
    TRY(TRACE(PTRACE_CONT, pid, 0, 0));
    show_wait("its end", pid, 0);
}

static void exec_told(void)
{
    pid_t pid;
    unsigned long message = 0;
    int i, status;

    puts("-- execve with its event");
    pid = start_traced(executes);
    TRY(TRACE(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXIT));
    for (i = 0; i < 6; i++) {
        TRY(TRACE(PTRACE_SYSCALL, pid, 0, 0));
        show_wait("next", pid, 0);
        MUST(TRACE(PTRACE_GETEVENTMSG, pid, 0, &message) == 0);
        printf("message %ld\n", message == (unsigned long)pid ? -1 : (long)message);
        if (message == (unsigned long)pid)
            break;
    }
    TRY(TRACE(PTRACE_SYSCALL, pid, 0, 0));
    show_wait("out of execve", pid, 0);
    show_call(pid);
    MUST(TRACE(PTRACE_CONT, pid, 0, 0) == 0);
    MUST(waitpid(pid, &status, 0) == pid);
    printf("status %x\n", status);
    MUST(TRACE(PTRACE_GETEVENTMSG, pid, 0, &message) == 0);
    printf("message %lx\n", message);
    TRY(TRACE(PTRACE_CONT, pid, 0, 0));
    show_wait("its end", pid, 0);
}

static void errors(void)
{
    pid_t pid;

    puts("-- errors");
    pid = start_traced(makes_calls);
    TRY(TRACE(PTRACE_INTERRUPT, pid, 0, 0));
    TRY(TRACE(PTRACE_LISTEN, pid, 0, 0));
    TRY(TRACE(PTRACE_SEIZE, pid, 0, 0));
    TRY(TRACE(PTRACE_SYSCALL, pid, 0, 65));
    TRY(TRACE(PTRACE_SINGLESTEP, pid, 0, -1));
    TRY(TRACE(PTRACE_SETOPTIONS, pid, 0, 0x200000ff));
    TRY(TRACE(0x4299, pid, 0, 0));
    TRY(TRACE(PTRACE_POKETEXT, pid, 8, 0));
    TRY(TRACE(PTRACE_GET_SYSCALL_INFO, pid, 8, 8));
    TRY(TRACE(PTRACE_DETACH, pid, 0, 0));
    show_wait("its end", pid, 0);
    TRY(TRACE(PTRACE_SEIZE, getpid(), 0, 0));
    TRY(TRACE(PTRACE_SEIZE, 999999, 0, 0));
    TRY(TRACE(PTRACE_SEIZE, getppid(), 1, 0));
    TRY(TRACE(PTRACE_SEIZE, getppid(), 0, 1 << 30));
    TRY(TRACE(PTRACE_INTERRUPT, 999999, 0, 0));
}

int main(int argc, char** argv)
{
    begin();
    (void)argv;
    if (argc > 1)
        return 0;
    calls(PTRACE_O_TRACESYSGOOD);
    calls(0);
    changed();
    interrupted();
    steps();
    exec_untold();
    exec_told();
    errors();
    return 0;
}
