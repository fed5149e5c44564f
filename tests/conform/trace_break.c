// SPDX-License-Identifier: BSD-2-Clause
// ptrace(2) as gdb(1) uses it: breakpoints in text, and those of the CPU on instructions and data.
// covers: ptrace, pread64, pwrite64
#include "trace.h"

#include <fcntl.h>
#include <sys/auxv.h>

__attribute__((noinline)) static int broken(int x)
{
    __asm__ volatile("" : "+r"(x));
    return x + 1;
}

static void runs_into(void)
{
    shared->result = broken(41);
}

static void breakpoint(void)
{
    pid_t pid;
    long text, there;
    struct user_regs_struct regs;
    siginfo_t info;

    puts("-- a breakpoint");
    pid = start_traced(runs_into);
    text = TRACE(PTRACE_PEEKTEXT, pid, broken, 0);
    printf("as here %d\n", memcmp(&text, (void*)broken, sizeof text) == 0);
    TRY(TRACE(PTRACE_POKETEXT, pid, broken, (text & ~0xffl) | 0xcc));
    there = TRACE(PTRACE_PEEKTEXT, pid, broken, 0);
    printf("set %d, not here %d\n", (there & 0xff) == 0xcc, broken(1) == 2);
    TRY(TRACE(PTRACE_CONT, pid, 0, 0));
    show_wait("it", pid, 0);
    MUST(TRACE(PTRACE_GETREGS, pid, 0, &regs) == 0);
    MUST(TRACE(PTRACE_GETSIGINFO, pid, 0, &info) == 0);
    printf("behind it %d, code %x, argument %d\n", regs.rip == (unsigned long)broken + 1, info.si_code,
           (int)regs.rdi);
    regs.rip--;
    TRY(TRACE(PTRACE_SETREGS, pid, 0, &regs));
    TRY(TRACE(PTRACE_POKETEXT, pid, broken, text));
    TRY(TRACE(PTRACE_SINGLESTEP, pid, 0, 0));
    show_wait("a step", pid, 0);
    TRY(TRACE(PTRACE_POKETEXT, pid, broken, (text & ~0xffl) | 0xcc));
    TRY(TRACE(PTRACE_CONT, pid, 0, 0));
    show_wait("its end", pid, 0);
    printf("result %d\n", shared->result);
}

static volatile long watched[2];

static void changes(void)
{
    for (int i = 0; i < 3; i++)
        watched[1] += i;
    (void)!read(-1, (void*)&watched[1], 8);
    shared->result = (int)watched[1] + broken(1);
}

#define DEBUG(n) offsetof(struct user, u_debugreg[n])

static void show_debug_stop(pid_t pid)
{
    struct user_regs_struct regs;
    siginfo_t info;
    long status;
    int text;

    show_wait("it", pid, 0);
    MUST(TRACE(PTRACE_GETREGS, pid, 0, &regs) == 0);
    MUST(TRACE(PTRACE_GETSIGINFO, pid, 0, &info) == 0);
    status = TRACE(PTRACE_PEEKUSER, pid, DEBUG(6), 0);
    text = regs.rip == (unsigned long)broken;
    printf("  code %d, here %d, status %lx, value %ld, at the function %d\n", info.si_code,
           (unsigned long)info.si_addr == regs.rip, status, TRACE(PTRACE_PEEKDATA, pid, &watched[1], 0),
           text);
}

static void watchpoints(void)
{
    pid_t pid;

    puts("-- breakpoints of the CPU");
    pid = start_traced(changes);
    TRY(TRACE(PTRACE_PEEKUSER, pid, DEBUG(6), 0));
    TRY(TRACE(PTRACE_PEEKUSER, pid, DEBUG(7), 0));
    TRY(TRACE(PTRACE_POKEUSER, pid, DEBUG(4), 0));
    TRY(TRACE(PTRACE_POKEUSER, pid, DEBUG(0), -4096l));
    TRY(TRACE(PTRACE_POKEUSER, pid, DEBUG(0), &watched[1]));
    TRY(TRACE(PTRACE_POKEUSER, pid, DEBUG(7), 1 | 2l << 16)); /* of I/O */
    TRY(TRACE(PTRACE_POKEUSER, pid, DEBUG(7), 1 | 4l << 16)); /* two bytes of an instruction */
    TRY(TRACE(PTRACE_POKEUSER, pid, DEBUG(1), broken));
    TRY(TRACE(PTRACE_POKEUSER, pid, DEBUG(7), 1 | 4 | 9l << 16)); /* writes to 8 bytes; a function */
    TRY(TRACE(PTRACE_PEEKUSER, pid, DEBUG(0), 0) == (long)&watched[1]);
    for (int i = 0; i < 3; i++) {
        TRY(TRACE(PTRACE_CONT, pid, 0, 0));
        show_debug_stop(pid);
    }
    TRY(TRACE(PTRACE_CONT, pid, 0, 0));
    show_debug_stop(pid);
    TRY(TRACE(PTRACE_SINGLESTEP, pid, 0, 0));
    show_wait("a step", pid, 0);
    TRY(TRACE(PTRACE_POKEUSER, pid, DEBUG(7), 0));
    TRY(TRACE(PTRACE_CONT, pid, 0, 0));
    show_wait("its end", pid, 0);
    printf("result %d\n", shared->result);
}

/* The same through its memory's file, as gdb does it if Linux lets it write there; and a look at the vDSO. */
static void through_file(void)
{
    const unsigned char trap = 0xcc;
    unsigned char old = 0, now[4] = {0};
    char path[64];
    pid_t pid;
    int fd;
    struct user_regs_struct regs;

    puts("-- a breakpoint by /proc/PID/mem");
    pid = start_traced(runs_into);
    snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    fd = open(path, O_RDWR);
    MUST(fd >= 0);
    TRY(pread(fd, &old, 1, (off_t)broken));
    TRY(pwrite(fd, &trap, 1, (off_t)broken));
    TRY(pread(fd, now, 1, (off_t)broken));
    printf("as here %d, set %d, not here %d\n", old == *(unsigned char*)broken, now[0] == trap,
           broken(1) == 2);
    TRY(TRACE(PTRACE_CONT, pid, 0, 0));
    show_wait("it", pid, 0);
    MUST(TRACE(PTRACE_GETREGS, pid, 0, &regs) == 0);
    printf("behind it %d\n", regs.rip == (unsigned long)broken + 1);
    regs.rip--;
    MUST(TRACE(PTRACE_SETREGS, pid, 0, &regs) == 0);
    TRY(pwrite(fd, &old, 1, (off_t)broken));
    TRY(pread(fd, now, sizeof now, (off_t)getauxval(AT_SYSINFO_EHDR)));
    printf("the vDSO %d\n", memcmp(now, ELFMAG, SELFMAG) == 0);
    TRY(pread(fd, now, 1, 8));
    TRY(pwrite(fd, now, 1, 8));
    TRY(TRACE(PTRACE_CONT, pid, 0, 0));
    show_wait("its end", pid, 0);
    printf("result %d\n", shared->result);
    close(fd);
}

int main(void)
{
    begin();
    breakpoint();
    through_file();
    watchpoints();
    return 0;
}
