// SPDX-License-Identifier: BSD-2-Clause
// Calls that the LWK serves, each pointer argument NULL, unmapped, without access, read-only, across an edge, wild.
// covers: rt_sigaction, rt_sigprocmask, rt_sigpending, rt_sigtimedwait, rt_sigsuspend, sigaltstack, getcpu, getitimer
// covers: setitimer, getrlimit, setrlimit, prlimit64, getrusage, times, clock_gettime, mincore, sched_getaffinity
// covers: sched_setaffinity, arch_prctl, prctl, get_robust_list, set_robust_list, futex, clone3, execve
#include "bad.h"

#include <asm/prctl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>

#define SKIP_NULL (1 << BAD_NULL)
#define SKIP_READONLY (1 << BAD_READONLY)

static const struct bad_row rows[] = {
    {"sigaction new", SYS_rt_sigaction, 32, {SIGUSR1, P, 0, 8}, 0},
    {"sigaction old", SYS_rt_sigaction, 32, {SIGUSR1, 0, P, 8}, 0},
    {"sigaction of SIGKILL", SYS_rt_sigaction, 32, {SIGKILL, P, 0, 8}, 0},
    {"sigaction size", SYS_rt_sigaction, 32, {SIGUSR1, P, 0, 4}, 0},
    {"sigprocmask new", SYS_rt_sigprocmask, 8, {SIG_BLOCK, P, 0, 8}, 0},
    {"sigprocmask old", SYS_rt_sigprocmask, 8, {SIG_BLOCK, 0, P, 8}, 0},
    {"sigprocmask how", SYS_rt_sigprocmask, 8, {77, P, 0, 8}, 0},
    {"sigprocmask size", SYS_rt_sigprocmask, 8, {SIG_BLOCK, P, 0, 16}, 0},
    {"sigpending", SYS_rt_sigpending, 8, {P, 8}, 0},
    {"sigpending size", SYS_rt_sigpending, 8, {P, 9}, 0},
    {"sigtimedwait set", SYS_rt_sigtimedwait, 8, {P, 0, GOOD, 8}, 0},
    {"sigtimedwait time", SYS_rt_sigtimedwait, 16, {GOOD, 0, P, 8}, SKIP_NULL},
    {"sigtimedwait size", SYS_rt_sigtimedwait, 8, {P, 0, GOOD, 7}, 0},
    {"sigsuspend", SYS_rt_sigsuspend, 8, {P, 8}, SKIP_READONLY},
    {"sigaltstack new", SYS_sigaltstack, 24, {P, 0}, 0},
    {"sigaltstack old", SYS_sigaltstack, 24, {0, P}, 0},
    {"getcpu cpu", SYS_getcpu, 4, {P, 0, 0}, 0},
    {"getcpu node", SYS_getcpu, 4, {0, P, 0}, 0},
    {"getitimer", SYS_getitimer, 32, {ITIMER_REAL, P}, 0},
    {"getitimer which", SYS_getitimer, 32, {9, P}, 0},
    {"setitimer new", SYS_setitimer, 32, {ITIMER_REAL, P, 0}, SKIP_NULL},
    {"setitimer old", SYS_setitimer, 32, {ITIMER_REAL, GOOD, P}, 0},
    {"getrlimit", SYS_getrlimit, 16, {RLIMIT_NOFILE, P}, 0},
    {"getrlimit which", SYS_getrlimit, 16, {99, P}, 0},
    {"setrlimit", SYS_setrlimit, 16, {RLIMIT_CORE, P}, 0},
    {"setrlimit which", SYS_setrlimit, 16, {99, P}, 0},
    {"prlimit new", SYS_prlimit64, 16, {0, RLIMIT_CORE, P, 0}, 0},
    {"prlimit old", SYS_prlimit64, 16, {0, RLIMIT_CORE, 0, P}, 0},
    {"prlimit pid", SYS_prlimit64, 16, {0x3fffffff, RLIMIT_CORE, 0, P}, 0},
    {"getrusage", SYS_getrusage, sizeof(struct rusage), {RUSAGE_SELF, P}, 0},
    {"getrusage who", SYS_getrusage, sizeof(struct rusage), {77, P}, 0},
    {"times", SYS_times, 32, {P}, 0},
    {"clock_gettime", SYS_clock_gettime, 16, {CLOCK_MONOTONIC, P}, 0},
    {"clock_gettime cpu", SYS_clock_gettime, 16, {CLOCK_THREAD_CPUTIME_ID, P}, 0},
    {"clock_gettime which", SYS_clock_gettime, 16, {99, P}, 0},
    {"mincore vector", SYS_mincore, 2, {GOOD, 4096, P}, 0},
    {"mincore address", SYS_mincore, 4096, {P, 4096, GOOD}, 0},
    {"sched_getaffinity", SYS_sched_getaffinity, 128, {0, 128, P}, 0},
    {"sched_getaffinity odd", SYS_sched_getaffinity, 128, {0, 127, P}, 0},
    {"sched_getaffinity short", SYS_sched_getaffinity, 8, {0, 0, P}, 0},
    {"sched_setaffinity", SYS_sched_setaffinity, 128, {0, 128, P}, 0},
    {"sched_setaffinity pid", SYS_sched_setaffinity, 128, {0x3fffffff, 128, P}, 0},
    {"arch_prctl get fs", SYS_arch_prctl, 8, {ARCH_GET_FS, P}, 0},
    {"arch_prctl get gs", SYS_arch_prctl, 8, {ARCH_GET_GS, P}, 0},
    {"arch_prctl what", SYS_arch_prctl, 8, {0x7777, P}, 0},
    {"prctl set name", SYS_prctl, 16, {PR_SET_NAME, P}, SKIP_READONLY},
    {"prctl get name", SYS_prctl, 16, {PR_GET_NAME, P}, 0},
    {"prctl get pdeathsig", SYS_prctl, 4, {PR_GET_PDEATHSIG, P}, 0},
    {"get_robust_list head", SYS_get_robust_list, 8, {0, P, GOOD}, 0},
    {"get_robust_list size", SYS_get_robust_list, 8, {0, GOOD, P}, 0},
    {"get_robust_list pid", SYS_get_robust_list, 8, {0x3fffffff, P, GOOD}, 0},
    {"set_robust_list size", SYS_set_robust_list, 8, {P, 23}, 0},
    {"futex wait", SYS_futex, 4, {P, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 1, 0}, 0},
    {"futex wait time", SYS_futex, 16, {GOOD, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, P}, SKIP_NULL},
    {"futex wake", SYS_futex, 4, {P, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1}, 0},
    {"futex wake none", SYS_futex, 4, {P, FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG, 1, 0, 0, 0}, 0},
    {"futex requeue from", SYS_futex, 4, {P, FUTEX_REQUEUE | FUTEX_PRIVATE_FLAG, 1, 1, GOOD, 0}, 0},
    {"futex requeue to", SYS_futex, 4, {GOOD, FUTEX_REQUEUE | FUTEX_PRIVATE_FLAG, 1, 1, P, 0}, 0},
    {"futex cmp_requeue", SYS_futex, 4, {P, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG, 1, 1, GOOD, 1}, 0},
    {"futex wake_op", SYS_futex, 4, {GOOD, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 1, 1, P, 0}, 0},
    {"futex operation", SYS_futex, 4, {P, 77, 1}, 0},
    {"clone3", SYS_clone3, sizeof(struct clone_args), {P, sizeof(struct clone_args)}, SKIP_READONLY},
    {"clone3 short", SYS_clone3, 64, {P, 63}, 0},
    {"clone3 long", SYS_clone3, 64, {P, 5000}, 0},
    {"execve path", SYS_execve, 8, {P, 0, 0}, 0},
    {"set_robust_list", SYS_set_robust_list, 24, {P, 24}, (1 << BAD_EDGE) | (1 << BAD_EDGE_NONE)},
};

static void exec_lists(void)
{
    /* The lists, and the strings in them. */
    for (int kind = BAD_UNMAPPED; kind < BADS; kind++) {
        const char* argv[] = {"true", NULL, NULL};
        if (kind == BAD_READONLY || kind == BAD_EDGE || kind == BAD_EDGE_NONE)
            continue;
        argv[1] = (char*)bad_pointer(kind, 8);
        printf("execve %s:", bad_names[kind]);
        printf(" argv=%s", syscall(SYS_execve, "/bin/true", argv[1], NULL) ? strerrorname_np(errno) : "ok");
        printf(" argument=%s", syscall(SYS_execve, "/bin/true", argv, NULL) ? strerrorname_np(errno) : "ok");
        printf(" envp=%s", syscall(SYS_execve, "/bin/true", NULL, argv[1]) ? strerrorname_np(errno) : "ok");
        printf(" variable=%s\n",
               syscall(SYS_execve, "/bin/true", NULL, argv) ? strerrorname_np(errno) : "ok");
    }
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 1 << 16);
    bad_init();
    bad_run(rows, sizeof rows / sizeof rows[0], -1, -1);
    exec_lists();
    fflush(stdout);
    _exit(0);
}
