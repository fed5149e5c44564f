/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random system calls with random arguments, from a few threads: syscall_fuzz SEED [CALLS [THREADS [trace]]].
 * The same seed makes the same calls in each thread. How the program itself ends is nobody's concern; what
 * matters is that the kernels live on. `still fuzz` runs it with one seed after the other.
 *
 * It gives up its privileges first, in a directory of its own, with limits on files and memory.
 */
#include "check.h"

#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct call {
    long nr;
    const char* name;
    int is_ours; /* the LWK does it, wholly or in part, or refuses it */
};

static const struct call calls[] = {
#define STILL_LOCAL(nr, name) {nr, #name, 1},
#define STILL_FORWARD(nr, name) {nr, #name, 1},
#define STILL_OFFLOAD(nr, name) {nr, #name, 0},
#define STILL_UNSUPPORTED(nr, name, reason) {nr, #name, 0},
#include <stillcore/syscalls.def>
};
enum { CALLS = sizeof calls / sizeof calls[0] };

/* What it does not try, and why. Nearly all would be refused to an unprivileged program anyhow. */
static const struct {
    long nr;
    const char* reason;
} avoided[] = {
    {SYS_reboot, "ends the machine"},
    {SYS_kexec_load, "ends the machine"},
    {SYS_kexec_file_load, "ends the machine"},
    {SYS_vhangup, "ends the session"},
    {SYS_mount, "changes the machine under the test"},
    {SYS_umount2, "changes the machine under the test"},
    {SYS_pivot_root, "changes the machine under the test"},
    {SYS_swapon, "changes the machine under the test"},
    {SYS_swapoff, "changes the machine under the test"},
    {SYS_init_module, "changes the machine under the test"},
    {SYS_finit_module, "changes the machine under the test"},
    {SYS_delete_module, "changes the machine under the test"},
    {SYS_settimeofday, "changes the clock by which the test is timed"},
    {SYS_clock_settime, "changes the clock by which the test is timed"},
    {SYS_adjtimex, "changes the clock by which the test is timed"},
    {SYS_clock_adjtime, "changes the clock by which the test is timed"},
    {SYS_syslog, "clears the log that is looked at afterwards"},
    {SYS_pause, "waits for nothing"},
    {SYS_exit, "ends itself too soon"},
    {SYS_exit_group, "ends itself too soon"},
};

/* Calls that take a process or thread as one of their first two arguments and may end it: own ones only. */
static const long to_processes[] = {SYS_kill, SYS_tkill, SYS_tgkill, SYS_rt_sigqueueinfo,
                                    SYS_rt_tgsigqueueinfo};

enum { PAGE = 4096, AREA_PAGES = 64, MOST_THREADS = 16 };
static char* area; /* pages of all kinds, which calls may unmap and protect */
static int count = 3000;
static int is_traced;

struct random {
    uint64_t state;
};

static uint64_t next(struct random* r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static uint64_t below(struct random* r, uint64_t bound)
{
    return next(r) % bound;
}

static const char* const paths[] = {
    "f", "d", "d/g", "link", "fifo", "/bin/true", "/dev/zero", "/proc/self/status", "", ".", "nowhere"};

static uint64_t pointer(struct random* r)
{
    static char scratch[1 << 16];
    char room[4096]; /* of the stack, but nothing that is needed */
    switch (below(r, 24)) {
    case 0:
        return 0;
    case 1:
        return below(r, 4096);
    case 2:
        return 0xffffffff80000000 + below(r, 1 << 30);
    case 3:
        return 0xffff800000000000 + below(r, 1ul << 40);
    case 4:
        return 1ul << 47 | below(r, 1 << 20);
    case 5:
        return -below(r, 8192);
    case 6:
        return 0x7ff000000000 + below(r, 1ul << 36); /* where the proxy's own program may lie */
    case 7:
        return (uint64_t)room + below(r, sizeof room - 512);
    case 8:
        return (uint64_t)calls + below(r, 8192);
    case 9:
        return (uint64_t)paths[below(r, sizeof paths / sizeof paths[0])];
    case 10:
    case 11:
    case 12:
        return (uint64_t)scratch + below(r, sizeof scratch);
    case 13:
        return next(r);
    case 14:
        return (uint64_t)area + below(r, AREA_PAGES + 1) * PAGE - below(r, 64); /* across an edge */
    case 15:
        return (uint64_t)area + below(r, AREA_PAGES) * PAGE + below(r, PAGE);
    default:
        return (uint64_t)area + below(r, AREA_PAGES) * PAGE;
    }
}

static uint64_t number(struct random* r)
{
    switch (below(r, 12)) {
    case 0:
    case 1:
        return below(r, 4);
    case 2:
    case 3:
        return below(r, 32); /* a descriptor, a signal */
    case 4:
        return 1ul << below(r, 64);
    case 5:
        return 1ul << below(r, 32) | 1ul << below(r, 32);
    case 6:
        return below(r, 70000);
    case 7:
        return below(r, AREA_PAGES) * PAGE;
    case 8:
        return -1 - below(r, 4);
    case 9:
        return next(r) >> below(r, 64);
    case 10:
        return 8; /* the size of a signal set */
    default:
        return below(r, 256);
    }
}

static const int harmless[] = {0, SIGURG, SIGCHLD, SIGCONT, SIGWINCH, SIGUSR1, SIGUSR2, 40, 64, 65, 1000};

static int is_in(const long* list, size_t n, long nr)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == nr)
            return 1;
    return 0;
}

static int is_avoided(long nr)
{
    for (size_t i = 0; i < sizeof avoided / sizeof avoided[0]; i++)
        if (avoided[i].nr == nr)
            return 1;
    return 0;
}

static struct call choose(struct random* r)
{
    if (below(r, 200) == 0)
        return (struct call){(long)next(r), "no call", 0};
    for (;;) {
        const struct call* one = &calls[below(r, CALLS)];
        /* The LWK's own work is tried more often. */
        if (!is_avoided(one->nr) && (one->is_ours || below(r, 3) == 0))
            return *one;
    }
}

/* What would keep the fuzzer from going on, or harm others, is bent into what does not. */
static void tame(struct random* r, long nr, uint64_t a[6])
{
    if (is_in(to_processes, sizeof to_processes / sizeof to_processes[0], nr)) {
        a[0] = below(r, 4) ? (uint64_t)getpid() : 0x3fffffff;
        if (nr == SYS_tgkill || nr == SYS_rt_tgsigqueueinfo)
            a[1] = below(r, 4) ? (uint64_t)gettid() : 0x3ffffffe;
        uint64_t* signo = &a[nr == SYS_tgkill || nr == SYS_rt_tgsigqueueinfo ? 2 : 1];
        if (below(r, 50) || *signo == SIGKILL || *signo == SIGSTOP)
            *signo = harmless[below(r, sizeof harmless / sizeof harmless[0])];
    }
    /* What would end the program at once is tried now and then. */
    if ((nr == SYS_arch_prctl && below(r, 20)) || (nr == SYS_rt_sigreturn && below(r, 50)) ||
        (nr == SYS_brk && below(r, 5)) || (nr == SYS_execve && below(r, 20)) ||
        (nr == SYS_execveat && below(r, 20)) || (nr == SYS_rt_sigaction && below(r, 5)) ||
        (nr == SYS_setrlimit && below(r, 5)) || (nr == SYS_prlimit64 && below(r, 5)) ||
        (nr == SYS_alarm && below(r, 20)) || (nr == SYS_setitimer && below(r, 20)) ||
        (nr == SYS_mlockall && below(r, 20)))
        a[0] = -1;
    /* Mostly it is the area that is unmapped, moved and protected, not code and stack. */
    if ((nr == SYS_munmap || nr == SYS_mprotect || nr == SYS_mremap || nr == SYS_madvise ||
         nr == SYS_pkey_mprotect) &&
        below(r, 200)) {
        a[0] = (uint64_t)area + below(r, AREA_PAGES) * PAGE;
        a[1] = (1 + below(r, 8)) * PAGE;
    }
    if (nr == SYS_mmap && below(r, 20)) {
        a[0] = below(r, 2) ? 0 : (uint64_t)area + below(r, AREA_PAGES) * PAGE;
        a[1] = below(r, 8) ? (1 + below(r, 8)) * PAGE : below(r, 1 << 28);
        a[3] = MAP_ANONYMOUS | (below(r, 4) ? MAP_PRIVATE : MAP_SHARED) | (a[0] ? MAP_FIXED : 0) |
               (below(r, 4) ? 0 : 1u << below(r, 24));
        if (below(r, 4) == 0) {
            a[3] &= ~MAP_ANONYMOUS;
            a[4] = below(r, 32);
            a[5] = below(r, 4) * PAGE;
        }
    }
    /* A child of vfork() or of CLONE_VM runs on our stack: each must leave at once. */
    if (nr == SYS_clone) {
        a[0] &= ~(uint64_t)(CLONE_VM | CLONE_THREAD | CLONE_SIGHAND | CLONE_SETTLS);
        a[1] = 0;
    }
    if (nr == SYS_futex && below(r, 2))
        a[3] = (uint64_t)area; /* a time-out of nothing, if it is zero */
}

static void trace(const struct call* one, const uint64_t a[6])
{
    char line[256];
    int n = snprintf(line, sizeof line, "%d %s(%lx, %lx, %lx, %lx, %lx, %lx)\n", gettid(), one->name, a[0],
                     a[1], a[2], a[3], a[4], a[5]);
    int fd = open("trace", O_WRONLY | O_APPEND | O_CREAT, 0600);
    (void)!write(fd, line, n);
    close(fd);
}

static void one_call(struct random* r)
{
    const struct call one = choose(r);
    uint64_t a[6];
    for (int n = 0; n < 6; n++)
        a[n] = below(r, 2) ? pointer(r) : number(r);
    tame(r, one.nr, a);
    if (is_traced)
        trace(&one, a);
    const long own = getpid();
    const long result = syscall(one.nr, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (result == 0 &&
        (one.nr == SYS_fork || one.nr == SYS_vfork || one.nr == SYS_clone || one.nr == SYS_clone3) &&
        getpid() != own)
        _exit(0);
}

static void* fuzz(void* seed)
{
    struct random r = {(uint64_t)seed};
    for (int i = 0; i < count; i++)
        one_call(&r);
    return NULL;
}

static void handle(int signo)
{
    (void)signo;
}

static void make_surroundings(void)
{
    int ends[2];
    area = mmap((void*)0x111100000000, AREA_PAGES * PAGE, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    CHECK(area != MAP_FAILED);
    for (int i = 0; i < AREA_PAGES; i += 8) {
        mprotect(area + (i + 1) * PAGE, PAGE, PROT_READ);
        mprotect(area + (i + 2) * PAGE, PAGE, PROT_NONE);
        munmap(area + (i + 3) * PAGE, PAGE);
        area[i * PAGE] = 1;
    }
    (void)!mkdir("d", 0700);
    (void)!symlink("f", "link");
    (void)!mknod("fifo", S_IFIFO | 0600, 0);
    /* Descriptors 0 to 20 or so, none of which is anybody else's. */
    for (int fd = 0; fd < 3; fd++)
        dup2(open("/dev/null", O_RDWR), fd);
    int file = open("f", O_RDWR | O_CREAT, 0600);
    (void)!ftruncate(file, 5 * PAGE);
    open("/dev/zero", O_RDWR);
    open(".", O_RDONLY);
    (void)!pipe2(ends, O_NONBLOCK);
    (void)!pipe(ends);
    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends);
    socketpair(AF_UNIX, SOCK_DGRAM, 0, ends);
    epoll_create1(0);
    eventfd(3, EFD_NONBLOCK);
    timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    inotify_init1(IN_NONBLOCK);
    memfd_create("m", 0);
}

int main(int argc, char** argv)
{
    pthread_t threads[MOST_THREADS];
    const struct rlimit files = {16 << 20, 16 << 20}, core = {0, 0};

    CHECK(argc > 1);
    const uint64_t seed = strtoull(argv[1], NULL, 0);
    count = argc > 2 ? atoi(argv[2]) : count;
    int number_of_threads = argc > 3 ? atoi(argv[3]) : 3;
    CHECK(count > 0 && number_of_threads > 0 && number_of_threads <= MOST_THREADS);
    is_traced = argc > 4;
    make_surroundings();
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, handle);
    signal(40, handle);
    signal(64, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &files);
    setrlimit(RLIMIT_CORE, &core);
    if (getuid() == 0)
        CHECK(setgroups(0, NULL) == 0 && setresgid(65534, 65534, 65534) == 0 &&
              setresuid(65534, 65534, 65534) == 0);
    for (long n = 1; n < number_of_threads; n++)
        CHECK(pthread_create(&threads[n], NULL, fuzz, (void*)(seed * MOST_THREADS + n)) == 0);
    fuzz((void*)(seed * MOST_THREADS));
    for (int n = 1; n < number_of_threads; n++)
        pthread_join(threads[n], NULL);
    _exit(0);
}
