// SPDX-License-Identifier: BSD-2-Clause
// Blocking calls that a signal meets: EINTR or once more, time that is left, masks for one call, stop and continue.
// covers: nanosleep, clock_nanosleep, restart_syscall, poll, ppoll, select, pselect6, epoll_wait, epoll_pwait
// covers: epoll_pwait2, rt_sigsuspend, pause, futex, rt_sigtimedwait
#include "show.h"

#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t count;
static int pipe_fds[2], epoll_fd;

static void handler(int signo)
{
    (void)signo;
    count++;
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void in_ms(int ms)
{
    struct itimerval when = {.it_value = {ms / 1000, ms % 1000 * 1000}};

    setitimer(ITIMER_REAL, &when, NULL);
}

static void dispose(void (*how)(int), int flags)
{
    struct sigaction action = {.sa_handler = how, .sa_flags = flags};

    sigaction(SIGALRM, &action, NULL);
}

enum call {
    SLEEP,
    SLEEP_ABS,
    POLL,
    PPOLL,
    SELECT,
    PSELECT,
    EPOLL,
    EPOLL_P,
    EPOLL_P2,
    FUTEX,
    FUTEX_ABS,
    WAITS,
    READ,
    LAST
};
static const char* const names[LAST] = {
    "nanosleep",   "clock_nanosleep until", "poll",  "ppoll",       "select",       "pselect", "epoll_wait",
    "epoll_pwait", "epoll_pwait2",          "futex", "futex until", "sigtimedwait", "read"};

static long call(enum call which)
{
    struct timespec time = {0, 700 * 1000 * 1000}, until;
    struct timeval micro = {0, 700 * 1000};
    struct pollfd fd = {pipe_fds[0], POLLIN, 0};
    struct epoll_event event;
    unsigned word = 0;
    sigset_t set;
    char c;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += 700 * 1000 * 1000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    sigemptyset(&set);
    switch (which) {
    case SLEEP:
        return syscall(SYS_nanosleep, &time, NULL);
    case SLEEP_ABS:
        return syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    case POLL:
        return poll(&fd, 1, 700);
    case PPOLL:
        return ppoll(&fd, 1, &time, &set);
    case SELECT:
        return select(0, NULL, NULL, NULL, &micro);
    case PSELECT:
        return pselect(0, NULL, NULL, NULL, &time, &set);
    case EPOLL:
        return epoll_wait(epoll_fd, &event, 1, 700);
    case EPOLL_P:
        return epoll_pwait(epoll_fd, &event, 1, 700, &set);
    case EPOLL_P2:
        return epoll_pwait2(epoll_fd, &event, 1, &time, &set);
    case FUTEX:
        return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &time, NULL, 0);
    case FUTEX_ABS:
        return syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, &until, NULL, ~0u);
    case WAITS:
        sigaddset(&set, SIGUSR2);
        return sigtimedwait(&set, NULL, &time);
    case READ:
        in_ms(200);
        return read(pipe_fds[0], &c, 1);
    default:
        return -1;
    }
}

// The signal comes after 200 ms; a wait that then started anew would take 900 ms.
static const char* length(double took)
{
    return took < 0.15 ? "at once" : took < 0.65 ? "cut short" : took < 0.89 ? "the whole time" : "too long";
}

static void matrix(const char* how, int with_read)
{
    for (enum call which = 0; which < (with_read ? LAST : READ); which++) {
        double start = now();

        count = 0;
        errno = 0;
        in_ms(200);
        long result = call(which);
        printf("%s, %s: %ld %s, %s, %d handled\n", names[which], how, result,
               result < 0 ? strerrorname_np(errno) : "-", length(now() - start), (int)count);
        in_ms(0);
    }
}

// The thread that gets the signal is another one: nothing shows here.
static void* sink(void* stop)
{
    sigset_t set;

    sigemptyset(&set);
    pthread_sigmask(SIG_SETMASK, &set, NULL);
    while (!*(volatile int*)stop)
        usleep(20000);
    return NULL;
}

static void masks(void)
{
    struct timespec time = {2, 0};
    sigset_t blocked, open, pending, after;

    dispose(handler, 0);
    sigemptyset(&open);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &blocked, NULL);
    raise(SIGALRM);
    count = 0;
    SHOW(ppoll(NULL, 0, &time, &open));
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    printf("handled %d, pending %d, blocked again %d\n", (int)count, sigismember(&pending, SIGALRM),
           sigismember(&after, SIGALRM));
    // Something is ready: the signal waits.
    raise(SIGALRM);
    struct pollfd fd = {pipe_fds[1], POLLOUT, 0};
    SHOW(ppoll(&fd, 1, &time, &open));
    printf("handled %d\n", (int)count);
    SHOW(sigsuspend(&open));
    printf("handled %d\n", (int)count);
    SHOW(syscall(SYS_ppoll, NULL, 0, &time, &open, 7));
    SHOW(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &time, (void*)16));
    SHOW(syscall(SYS_epoll_pwait, epoll_fd, NULL, 1, 0, (void*)16, 8));
    SHOW(syscall(SYS_epoll_pwait, epoll_fd, NULL, 0, 0, NULL, 0));
    pthread_sigmask(SIG_UNBLOCK, &blocked, NULL);
    in_ms(100);
    SHOW(pause());
    printf("handled %d\n", (int)count);
}

static void remaining(void)
{
    struct timespec time = {1, 0}, left = {7, 7};

    dispose(handler, SA_RESTART);
    in_ms(200);
    SHOW(nanosleep(&time, &left));
    printf("left %d\n", left.tv_sec == 0 && left.tv_nsec > 0);
    left = (struct timespec){7, 7};
    in_ms(200);
    printf("until %d\n",
           clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &(struct timespec){1u << 30, 0}, &left));
    printf("untouched %d\n", left.tv_sec == 7 && left.tv_nsec == 7);
    SHOW(syscall(SYS_restart_syscall));
    SHOW(syscall(SYS_nanosleep, NULL, NULL));
    SHOW(syscall(SYS_nanosleep, &(struct timespec){0, 1000000000}, NULL));
    SHOW(syscall(SYS_nanosleep, &(struct timespec){-1, 0}, NULL));
    SHOW(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &time, NULL));
    SHOW(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC_RAW, 0, &time, NULL));
    SHOW(syscall(SYS_clock_nanosleep, 77, 0, &time, NULL));
    SHOW(syscall(SYS_clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, &(struct timespec){1, 0}, NULL));
}

int main(void)
{
    sigset_t alarm_set;
    pthread_t thread;
    volatile int stop = 0;

    MUST(pipe(pipe_fds) == 0);
    epoll_fd = epoll_create1(0);
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, pipe_fds[0], &(struct epoll_event){.events = EPOLLIN});
    dispose(handler, 0);
    matrix("a handler", 1);
    dispose(handler, SA_RESTART);
    matrix("a handler, SA_RESTART", 0);
    dispose(SIG_IGN, 0);
    matrix("ignored", 0);

    dispose(handler, 0);
    pthread_create(&thread, NULL, sink, (void*)&stop);
    sigemptyset(&alarm_set);
    sigaddset(&alarm_set, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarm_set, NULL);
    count = 0;
    in_ms(200);
    double start = now();
    struct pollfd fd = {pipe_fds[0], POLLIN, 0};
    int ready = poll(&fd, 1, 700);
    printf("poll, the other thread's signal: %d, %s, %d handled\n", ready, length(now() - start), (int)count);
    stop = 1;
    pthread_join(thread, NULL);
    pthread_sigmask(SIG_UNBLOCK, &alarm_set, NULL);

    masks();
    remaining();
    return 0;
}
