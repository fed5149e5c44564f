// SPDX-License-Identifier: BSD-2-Clause
// More calls that the LWK serves, or looks into, each pointer argument bad in every way: signals with values, timers,
// scheduling, policies of memory, signalfd, waits.
// covers: rt_sigqueueinfo, rt_tgsigqueueinfo, sched_setparam, sched_getparam, sched_setscheduler, sched_setattr
// covers: sched_getattr, sched_rr_get_interval, timer_create, timer_settime, timer_gettime, mbind, set_mempolicy
// covers: get_mempolicy, move_pages, signalfd4, semtimedop, execveat, rseq, epoll_pwait2, futex_waitv, io_setup, clone
// covers: clock_nanosleep, nanosleep, sysinfo, personality, shmat, pkey_mprotect
#include "bad.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <time.h>

#define SKIP_NULL (1 << BAD_NULL)
#define SKIP_READONLY (1 << BAD_READONLY)
#define EDGES ((1 << BAD_EDGE) | (1 << BAD_EDGE_NONE))

enum { ATTR_SIZE = 48 };

static void signals(void)
{
    const long self = getpid();
    const struct bad_row rows[] = {
        {"sigqueueinfo", SYS_rt_sigqueueinfo, 128, {self, 0, P}, SKIP_READONLY},
        {"sigqueueinfo signal", SYS_rt_sigqueueinfo, 128, {self, 65, P}, 0},
        {"sigqueueinfo to nobody", SYS_rt_sigqueueinfo, 128, {0x3fffffff, SIGUSR1, P}, 0},
        {"tgsigqueueinfo", SYS_rt_tgsigqueueinfo, 128, {self, self, 0, P}, SKIP_READONLY},
        {"tgsigqueueinfo to nobody", SYS_rt_tgsigqueueinfo, 128, {self, 0x3fffffff, SIGUSR1, P}, 0},
        {"tgsigqueueinfo to none", SYS_rt_tgsigqueueinfo, 128, {0, self, SIGUSR1, P}, 0},
        {"signalfd4 set", SYS_signalfd4, 8, {-1, P, 8, 0}, SKIP_READONLY},
        {"signalfd4 size", SYS_signalfd4, 8, {-1, P, 4, 0}, 0},
        {"signalfd4 flags", SYS_signalfd4, 8, {-1, P, 8, 5}, 0},
        {"signalfd4 descriptor", SYS_signalfd4, 8, {1, P, 8, 0}, 0},
    };
    bad_run(rows, sizeof rows / sizeof *rows, -1, -1);
}

static void timers(void)
{
    struct sigevent none = {.sigev_notify = SIGEV_NONE};
    int id = -1;
    MUST(syscall(SYS_timer_create, CLOCK_MONOTONIC, &none, &id) == 0);
    const struct bad_row rows[] = {
        {"timer_create event", SYS_timer_create, 64, {CLOCK_MONOTONIC, P, GOOD}, SKIP_NULL | SKIP_READONLY},
        {"timer_create id", SYS_timer_create, 4, {CLOCK_MONOTONIC, 0, P}, 0},
        {"timer_create clock", SYS_timer_create, 4, {77, 0, P}, 0},
        {"timer_settime new", SYS_timer_settime, 32, {id, 0, P, 0}, 0},
        {"timer_settime old", SYS_timer_settime, 32, {id, 0, GOOD, P}, 0},
        {"timer_settime id", SYS_timer_settime, 32, {77, 0, P, 0}, 0},
        {"timer_gettime", SYS_timer_gettime, 32, {id, P}, 0},
        {"timer_gettime id", SYS_timer_gettime, 32, {77, P}, 0},
        {"nanosleep time", SYS_nanosleep, 16, {P, 0}, SKIP_READONLY},
        {"nanosleep rest", SYS_nanosleep, 16, {GOOD, P}, 0},
        {"clock_nanosleep time", SYS_clock_nanosleep, 16, {CLOCK_MONOTONIC, 0, P, 0}, SKIP_READONLY},
        {"clock_nanosleep clock", SYS_clock_nanosleep, 16, {77, 0, P, 0}, 0},
        {"sysinfo", SYS_sysinfo, 112, {P}, 0},
    };
    bad_run(rows, sizeof rows / sizeof *rows, -1, -1);
}

static void scheduling(void)
{
    const struct bad_row rows[] = {
        {"sched_setparam", SYS_sched_setparam, 4, {0, P}, SKIP_READONLY},
        {"sched_setparam pid", SYS_sched_setparam, 4, {-1, P}, 0},
        {"sched_getparam", SYS_sched_getparam, 4, {0, P}, 0},
        {"sched_getparam pid", SYS_sched_getparam, 4, {0x3fffffff, P}, 0},
        {"sched_setscheduler", SYS_sched_setscheduler, 4, {0, SCHED_OTHER, P}, SKIP_READONLY},
        {"sched_setscheduler policy", SYS_sched_setscheduler, 4, {0, 77, P}, 0},
        {"sched_setscheduler negative", SYS_sched_setscheduler, 4, {0, -1, P}, 0},
        {"sched_setattr", SYS_sched_setattr, ATTR_SIZE, {0, P, 0}, SKIP_READONLY},
        {"sched_setattr flags", SYS_sched_setattr, ATTR_SIZE, {0, P, 1}, 0},
        {"sched_getattr", SYS_sched_getattr, ATTR_SIZE, {0, P, ATTR_SIZE, 0}, 0},
        {"sched_getattr short", SYS_sched_getattr, ATTR_SIZE, {0, P, 47, 0}, 0},
        {"sched_getattr long", SYS_sched_getattr, ATTR_SIZE, {0, P, 4097, 0}, 0},
        {"sched_rr_get_interval", SYS_sched_rr_get_interval, 16, {0, P}, 0},
        {"sched_rr_get_interval pid", SYS_sched_rr_get_interval, 16, {-1, P}, 0},
        {"rseq", SYS_rseq, 32, {P, 31, 0, 0x53053053}, 0},
        {"rseq flags", SYS_rseq, 32, {P, 32, 7, 0x53053053}, 0},
    };
    bad_run(rows, sizeof rows / sizeof *rows, -1, -1);
}

static void memory(void)
{
    static char page[4096] __attribute__((aligned(4096)));
    const long at = (long)page;
    const struct bad_row rows[] = {
        {"mbind nodes", SYS_mbind, 8, {at, 4096, MPOL_BIND, P, 64, 0}, SKIP_READONLY},
        {"mbind default", SYS_mbind, 8, {at, 4096, MPOL_DEFAULT, P, 0, 0}, 0},
        {"mbind mode", SYS_mbind, 8, {at, 4096, 77, P, 64, 0}, 0},
        {"set_mempolicy", SYS_set_mempolicy, 8, {MPOL_BIND, P, 64}, SKIP_READONLY},
        {"set_mempolicy mode", SYS_set_mempolicy, 8, {77, P, 64}, 0},
        {"set_mempolicy long", SYS_set_mempolicy, 8, {MPOL_BIND, P, 1l << 40}, 0},
        {"get_mempolicy mode", SYS_get_mempolicy, 4, {P, 0, 0, 0, 0}, 0},
        {"get_mempolicy nodes", SYS_get_mempolicy, 128, {0, P, 1024, 0, 0}, 0},
        {"get_mempolicy address", SYS_get_mempolicy, 8, {GOOD, 0, 0, P, MPOL_F_ADDR}, SKIP_READONLY | EDGES},
        {"move_pages list", SYS_move_pages, 8, {0, 1, P, 0, GOOD, 0}, SKIP_READONLY},
        {"move_pages status", SYS_move_pages, 4, {0, 1, GOOD, 0, P, 0}, 0},
        {"move_pages nobody", SYS_move_pages, 8, {0x3fffffff, 1, P, 0, GOOD, 0}, 0},
    };
    bad_run(rows, sizeof rows / sizeof *rows, -1, -1);
}

static void waits(void)
{
    int epoll = epoll_create1(0), sem = semget(IPC_PRIVATE, 1, 0600),
        dir = open("/bin", O_RDONLY | O_DIRECTORY);
    int shm = shmget(IPC_PRIVATE, 4096, 0600);
    MUST(epoll >= 0 && sem >= 0 && dir >= 0 && shm >= 0);
    const struct bad_row rows[] = {
        {"epoll_pwait2 events", SYS_epoll_pwait2, 12, {FD, P, 1, GOOD, 0, 8}, 0},
        {"epoll_pwait2 time", SYS_epoll_pwait2, 16, {FD, GOOD, 1, P, 0, 8}, SKIP_NULL | SKIP_READONLY},
        {"epoll_pwait2 mask", SYS_epoll_pwait2, 8, {FD, GOOD, 1, GOOD2, P, 8}, SKIP_READONLY},
        {"epoll_pwait2 mask size", SYS_epoll_pwait2, 8, {FD, GOOD, 1, GOOD2, P, 4}, 0},
        {"semtimedop operations", SYS_semtimedop, 6, {FD2, P, 1, GOOD}, SKIP_READONLY},
        {"semtimedop time", SYS_semtimedop, 16, {FD2, GOOD, 1, P}, SKIP_NULL | SKIP_READONLY},
        {"futex_waitv list", SYS_futex_waitv, 24, {P, 1, 0, GOOD, CLOCK_MONOTONIC}, 0},
        {"futex_waitv time", SYS_futex_waitv, 16, {GOOD, 1, 0, P, CLOCK_MONOTONIC}, 0},
        {"futex_waitv count", SYS_futex_waitv, 24, {P, 129, 0, GOOD, CLOCK_MONOTONIC}, 0},
        {"futex_waitv flags", SYS_futex_waitv, 24, {P, 1, 1, GOOD, CLOCK_MONOTONIC}, 0},
        {"io_setup", SYS_io_setup, 8, {1, P}, SKIP_NULL | (1 << BAD_HOLE)},
        {"io_setup none", SYS_io_setup, 8, {0, P}, 0},
        {"shmat address", SYS_shmat, 4096, {0x7fffffff, P, 0}, 0},
        {"execveat path", SYS_execveat, 8, {AT_FDCWD, P, 0, 0, 0}, 0},
        {"execveat flags", SYS_execveat, 8, {AT_FDCWD, P, 0, 0, 0x77}, 0},
        {"personality", SYS_personality, 4, {0xffffffff}, 0},
    };
    bad_run(rows, sizeof rows / sizeof *rows, epoll, sem);
    semctl(sem, 0, IPC_RMID);
    shmctl(shm, IPC_RMID, NULL);
}

int main(void)
{
    sigset_t all;
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    sigfillset(&all);
    MUST(sigprocmask(SIG_BLOCK, &all, NULL) == 0);
    bad_init();
    signals();
    timers();
    scheduling();
    memory();
    waits();
    return 0;
}
