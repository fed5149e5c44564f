// SPDX-License-Identifier: BSD-2-Clause
// ptrace(2) of processes that are attached to: stops, what waits see of them, registers, memory and signals.
// covers: ptrace, wait4, waitid
#include "trace.h"

static int pipe_ends[2];

static void reads(void)
{
    char byte = 0;

    shared->ready = 1;
    shared->result = (int)read(pipe_ends[0], &byte, 1) == 1 ? byte : -errno;
}

static void sleeps(void)
{
    struct timespec t = {0, 200000000};

    shared->ready = 1;
    shared->result = nanosleep(&t, NULL) == 0 ? 1 : -errno;
}

// Turns until its register is another one.
static void turns(void)
{
    unsigned long rbx = 5;

    shared->ready = 1;
    __asm__ volatile("1: cmpq $5, %0\n je 1b" : "+b"(rbx) : : "cc", "memory");
    shared->result = (int)rbx;
}

static void blocked_call(void)
{
    pid_t pid;
    struct user_regs_struct regs;

    puts("-- blocked in read");
    pid = start(reads);
    pause_ms(50);
    stop(pid);
    TRY(TRACE(PTRACE_GETREGS, pid, 0, &regs));
    printf("call %lld, result %lld, descriptor %d, cs %llx ss %llx\n", (long long)regs.orig_rax,
           (long long)regs.rax, regs.rdi == (unsigned)pipe_ends[0], regs.cs, regs.ss);
    show_wait("nothing new", pid, WNOHANG);
    TRY(TRACE(PTRACE_CONT, pid, 0, 0));
    show_wait("it waits", pid, WNOHANG);
    TRY(TRACE(PTRACE_GETREGS, pid, 0, &regs));
    TRY(write(pipe_ends[1], "x", 1));
    show_wait("its end", pid, 0);
    printf("read %d\n", shared->result);

    pid = start(sleeps);
    pause_ms(20);
    stop(pid);
    pause_ms(20);
    TRY(TRACE(PTRACE_DETACH, pid, 0, 0));
    TRY(TRACE(PTRACE_CONT, pid, 0, 0));
    show_wait("its end", pid, 0);
    printf("slept %d\n", shared->result);
}

static void registers(void)
{
    pid_t pid;
    struct user_regs_struct regs, again;
    struct user_fpregs_struct fpregs;
    struct iovec part = {&regs, sizeof regs};
    char state[8192];
    struct iovec large = {state, sizeof state};

    puts("-- registers");
    pid = start(turns);
    stop(pid);
    TRY(TRACE(PTRACE_GETREGS, pid, 0, &regs));
    printf("call %lld, rbx %lld\n", (long long)regs.orig_rax, (long long)regs.rbx);
    TRY(TRACE(PTRACE_PEEKUSER, pid, offsetof(struct user, regs.rbx), 0));
    TRY(TRACE(PTRACE_PEEKUSER, pid, 3, 0));
    TRY(TRACE(PTRACE_PEEKUSER, pid, sizeof(struct user), 0));
    TRY(TRACE(PTRACE_PEEKUSER, pid, offsetof(struct user, u_debugreg[7]), 0));
    TRY(TRACE(PTRACE_POKEUSER, pid, 1, 0));
    memset(&regs, 0, sizeof regs);
    TRY(TRACE(PTRACE_GETREGSET, pid, NT_PRSTATUS, &part));
    printf("%zu bytes, rbx %lld\n", part.iov_len, (long long)regs.rbx);
    part.iov_len = 3;
    TRY(TRACE(PTRACE_GETREGSET, pid, NT_PRSTATUS, &part));
    TRY(TRACE(PTRACE_GETREGSET, pid, 12345, &part));
    TRY(TRACE(PTRACE_GETREGSET, pid, NT_PRSTATUS, 8));
    TRY(TRACE(PTRACE_GETREGS, pid, 0, 8));
    TRY(TRACE(PTRACE_GETREGSET, pid, NT_X86_XSTATE, &large));
    printf("as large as a frame's: %d\n", large.iov_len >= 576 && large.iov_len % 8 == 0);
    TRY(TRACE(PTRACE_GETFPREGS, pid, 0, &fpregs));
    printf("mxcsr %x cwd %x\n", fpregs.mxcsr, fpregs.cwd);
    fpregs.xmm_space[60] = 77;
    TRY(TRACE(PTRACE_SETFPREGS, pid, 0, &fpregs));
    memset(&fpregs, 0, sizeof fpregs);
    TRY(TRACE(PTRACE_GETFPREGS, pid, 0, &fpregs));
    printf("xmm15 %u\n", fpregs.xmm_space[60]);
    regs.rip = 1ull << 63;
    TRY(TRACE(PTRACE_GETREGS, pid, 0, &regs));
    again = regs;
    regs.r12 = 123456;
    TRY(TRACE(PTRACE_SETREGS, pid, 0, &regs));
    TRY(TRACE(PTRACE_PEEKUSER, pid, offsetof(struct user, regs.r12), 0));
    TRY(TRACE(PTRACE_SETREGS, pid, 0, &again));
    TRY(TRACE(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rbx), 99));
    TRY(TRACE(PTRACE_DETACH, pid, 0, 0));
    show_wait("its end", pid, 0);
    printf("rbx was %d\n", shared->result);
}

static void memory(void)
{
    pid_t pid;

    puts("-- memory");
    pid = start(waits);
    stop(pid);
    TRY(TRACE(PTRACE_PEEKDATA, pid, &word, 0) == word);
    printf("peek across %lx\n", TRACE(PTRACE_PEEKDATA, pid, (char*)&word + 1, 0) & 0xffffff);
    TRY(TRACE(PTRACE_PEEKDATA, pid, 16, 0));
    TRY(TRACE(PTRACE_POKEDATA, pid, 16, 0));
    TRY(TRACE(PTRACE_PEEKDATA, pid, -8l, 0));
    TRY(TRACE(PTRACE_POKEDATA, pid, &word, 42));
    TRY(TRACE(PTRACE_PEEKTEXT, pid, &word, 0));
    printf("here it is %lx\n", word);
    shared->go = 1;
    TRY(TRACE(PTRACE_DETACH, pid, 0, 0));
    show_wait("its end", pid, 0);
    printf("it saw it: %d\n", shared->result);
}

static void signals(void)
{
    pid_t pid;
    siginfo_t info;

    puts("-- signals");
    pid = start(waits);
    stop(pid);
    memset(&info, 0, sizeof info);
    TRY(TRACE(PTRACE_GETSIGINFO, pid, 0, &info));
    printf("signal %d code %d\n", info.si_signo, info.si_code);
    TRY(TRACE(PTRACE_CONT, pid, 0, 0));
    TRY(kill(pid, SIGUSR1));
    show_wait("a signal", pid, 0);
    TRY(TRACE(PTRACE_GETSIGINFO, pid, 0, &info));
    printf("signal %d code %d from us %d\n", info.si_signo, info.si_code, info.si_pid == getpid());
    TRY(TRACE(PTRACE_CONT, pid, 0, 0));
    pause_ms(20);
    printf("suppressed: %d\n", shared->count[SIGUSR1]);
    TRY(kill(pid, SIGUSR1));
    show_wait("a signal", pid, 0);
    TRY(TRACE(PTRACE_CONT, pid, 0, SIGUSR1));
    until(&shared->count[SIGUSR1], 1);
    TRY(kill(pid, SIGUSR1));
    show_wait("a signal", pid, 0);
    TRY(TRACE(PTRACE_CONT, pid, 0, 65));
    TRY(TRACE(PTRACE_CONT, pid, 0, SIGUSR2));
    until(&shared->count[SIGUSR2], 1);
    printf("another: %d\n", shared->count[SIGUSR1]);
    TRY(kill(pid, SIGWINCH)); // by default it is ignored: its tracer sees it
    show_wait("an ignored one", pid, 0);
    memset(&info, 0, sizeof info);
    TRY(TRACE(PTRACE_CONT, pid, 0, SIGWINCH));
    TRY(kill(pid, SIGUSR2));
    TRY(waitid(P_PID, (id_t)pid, &info, WEXITED | WSTOPPED | WNOWAIT));
    printf("signo %d code %d status %d it %d\n", info.si_signo, info.si_code, info.si_status,
           info.si_pid == pid);
    TRY(waitid(P_ALL, 0, &info, WEXITED));
    printf("signo %d code %d status %d it %d\n", info.si_signo, info.si_code, info.si_status,
           info.si_pid == pid);
    TRY(waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOHANG));
    printf("signo %d it %d\n", info.si_signo, info.si_pid);
    TRY(TRACE(PTRACE_DETACH, pid, 0, SIGUSR2));
    until(&shared->count[SIGUSR2], 2);
    TRY(kill(pid, SIGUSR2));
    until(&shared->count[SIGUSR2], 3);
    shared->go = 1;
    show_wait("its end", pid, 0);
}

int main(void)
{
    begin();
    MUST(pipe(pipe_ends) == 0);
    blocked_call();
    registers();
    memory();
    signals();
    return 0;
}
