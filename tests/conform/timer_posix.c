// SPDX-License-Identifier: BSD-2-Clause
// timer_create and its family: clocks, ways to tell, overruns, errors.
// covers: timer_create, timer_settime, timer_gettime, timer_getoverrun, timer_delete
#include "show.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t count;
static volatile sig_atomic_t last_code, last_value, last_overrun, in_thread;
static pthread_t chosen;
static sem_t called;

static void handler(int signo, siginfo_t* info, void* context)
{
    (void)signo;
    (void)context;
    count++;
    last_code = info->si_code;
    last_value = info->si_value.sival_int;
    last_overrun = info->si_overrun;
    in_thread = pthread_equal(pthread_self(), chosen);
}

static double now(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct itimerspec in_ms(int value, int interval)
{
    return (struct itimerspec){{interval / 1000, interval % 1000 * 1000000L},
                               {value / 1000, value % 1000 * 1000000L}};
}

static void burn_until(volatile sig_atomic_t* what, int wanted)
{
    double end = now(CLOCK_MONOTONIC) + 20;

    while (*what < wanted && now(CLOCK_MONOTONIC) < end)
        for (volatile int i = 0; i < 10000; i++)
            ;
}

static void sleep_until(volatile sig_atomic_t* what, int wanted)
{
    double end = now(CLOCK_MONOTONIC) + 20;

    while (*what < wanted && now(CLOCK_MONOTONIC) < end)
        usleep(2000);
}

static void each_clock(const char* name, clockid_t clock, int busy)
{
    struct sigevent event = {
        .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 2, .sigev_value.sival_int = 77};
    struct itimerspec spec = in_ms(60, 0), left;
    timer_t timer;

    count = 0;
    if (timer_create(clock, &event, &timer) != 0) {
        printf("%s: %s\n", name, strerrorname_np(errno));
        return;
    }
    double start = now(clock);
    SHOW(timer_settime(timer, 0, &spec, NULL));
    timer_gettime(timer, &left);
    (busy ? burn_until : sleep_until)(&count, 1);
    double took = now(clock) - start;
    printf("%s: handled %d code %d value %d, not early %d, soon %d\n", name, (int)count, (int)last_code,
           (int)last_value, took >= 0.0595, took < 1);
    timer_gettime(timer, &left);
    printf("%s: over: %d %d\n", name, left.it_value.tv_sec == 0, left.it_value.tv_nsec == 0);
    // A time of the clock, and one that has passed.
    count = 0;
    struct timespec at;
    clock_gettime(clock, &at);
    at.tv_nsec += 50000000;
    at.tv_sec += at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    SHOW(timer_settime(timer, TIMER_ABSTIME, &(struct itimerspec){.it_value = at}, NULL));
    (busy ? burn_until : sleep_until)(&count, 1);
    SHOW(timer_settime(timer, TIMER_ABSTIME, &(struct itimerspec){.it_value = {0, 1}}, NULL));
    (busy ? burn_until : sleep_until)(&count, 2);
    printf("%s: handled %d\n", name, (int)count);
    // Again and again.
    count = 0;
    spec = in_ms(10, 10);
    SHOW(timer_settime(timer, 0, &spec, NULL));
    (busy ? burn_until : sleep_until)(&count, 5);
    timer_gettime(timer, &left);
    printf("%s: at least five %d, interval %ld\n", name, count >= 5, left.it_interval.tv_nsec);
    SHOW(timer_settime(timer, 0, &(struct itimerspec){{0, 0}, {0, 0}}, &left));
    usleep(30000);
    count = 0;
    usleep(50000);
    printf("%s: quiet %d\n", name, count == 0);
    SHOW(timer_delete(timer));
    SHOW(timer_delete(timer));
}

// Due so soon after one another that they may all be late: what was due first is taken first.
static void order(void)
{
    enum { num = 12 };
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
    struct itimerspec spec = {{0, 0}, {0, 0}};
    timer_t timers[num];
    sigset_t set;
    siginfo_t info;

    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    for (int i = 0; i < num; ++i) {
        event.sigev_value.sival_int = i;
        timer_create(CLOCK_MONOTONIC, &event, &timers[i]);
    }
    clock_gettime(CLOCK_MONOTONIC, &spec.it_value);
    spec.it_value.tv_sec += 2;
    for (int i = 0; i < num; ++i) {
        spec.it_value.tv_nsec = 1000 * (i * 7 % num / 2); // pairs are due at once
        timer_settime(timers[i], TIMER_ABSTIME, &spec, NULL);
    }
    printf("in order:");
    for (int i = 0; i < num; ++i) {
        sigwaitinfo(&set, &info);
        printf(" %d", info.si_value.sival_int);
    }
    printf("\n");
    for (int i = 0; i < num; ++i)
        timer_delete(timers[i]);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void overruns(void)
{
    struct sigevent event = {
        .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 1};
    struct itimerspec spec = in_ms(20, 20);
    sigset_t set;
    siginfo_t info;
    timer_t one, two;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    timer_create(CLOCK_MONOTONIC, &event, &one);
    event.sigev_value.sival_int = 2;
    timer_create(CLOCK_MONOTONIC, &event, &two);
    timer_settime(one, 0, &spec, NULL);
    spec = in_ms(30, 0);
    timer_settime(two, 0, &spec, NULL);
    usleep(250000);
    sigwaitinfo(&set, &info);
    printf("first: value %d code %d overrun some %d same %d\n", info.si_value.sival_int, info.si_code,
           info.si_overrun >= 5, info.si_overrun == timer_getoverrun(one));
    sigwaitinfo(&set, &info);
    printf("second: value %d overrun %d\n", info.si_value.sival_int, timer_getoverrun(two));
    timer_delete(one);
    sigset_t pending;
    sigpending(&pending);
    printf("pending after delete %d\n", sigismember(&pending, SIGUSR1));
    timer_delete(two);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void* sleeper(void* unused)
{
    chosen = pthread_self();
    while (count == 0)
        usleep(5000);
    return unused;
}

static volatile pid_t chosen_tid;
static void* chosen_thread(void* arg)
{
    chosen_tid = gettid();
    return sleeper(arg);
}

static void call(union sigval value)
{
    last_value = value.sival_int;
    sem_post(&called);
}

static void who(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 2};
    struct itimerspec spec = in_ms(30, 0), left;
    pthread_t thread;
    timer_t timer;

    count = 0;
    pthread_create(&thread, NULL, chosen_thread, NULL);
    while (chosen_tid == 0)
        usleep(1000);
    event._sigev_un._tid = chosen_tid;
    SHOW(timer_create(CLOCK_MONOTONIC, &event, &timer));
    SHOW(timer_settime(timer, 0, &spec, NULL));
    pthread_join(thread, NULL);
    printf("in the chosen thread %d\n", (int)in_thread);
    timer_delete(timer);
    event._sigev_un._tid = getppid();
    SHOW(timer_create(CLOCK_MONOTONIC, &event, &timer));

    sem_init(&called, 0, 0);
    event = (struct sigevent){.sigev_notify = SIGEV_THREAD, .sigev_value.sival_int = 5};
    event.sigev_notify_function = call;
    SHOW(timer_create(CLOCK_MONOTONIC, &event, &timer));
    SHOW(timer_settime(timer, 0, &spec, NULL));
    sem_wait(&called);
    printf("called with %d\n", (int)last_value);
    timer_delete(timer);

    event = (struct sigevent){.sigev_notify = SIGEV_NONE};
    SHOW(timer_create(CLOCK_MONOTONIC, &event, &timer));
    spec = in_ms(20, 1000);
    SHOW(timer_settime(timer, 0, &spec, NULL));
    usleep(100000);
    timer_gettime(timer, &left);
    printf("nobody told: goes on %d\n", left.it_value.tv_nsec > 0 && left.it_value.tv_nsec < 1000000000);
    timer_delete(timer);
    SHOW(timer_create(CLOCK_MONOTONIC, NULL, &timer));
    timer_delete(timer);
}

static void errors(void)
{
    struct itimerspec spec = in_ms(1000, 0);
    int id;

    SHOW(syscall(SYS_timer_create, 99, NULL, &id));
    SHOW(syscall(SYS_timer_create, CLOCK_MONOTONIC_RAW, NULL, &id));
    SHOW(syscall(SYS_timer_create, CLOCK_MONOTONIC, (void*)16, &id));
    SHOW(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, (void*)16));
    SHOW(syscall(SYS_timer_create, CLOCK_MONOTONIC, &(struct sigevent){.sigev_notify = 3}, &id));
    SHOW(syscall(SYS_timer_create, CLOCK_MONOTONIC, &(struct sigevent){.sigev_signo = 65}, &id));
    SHOW(syscall(SYS_timer_create, CLOCK_MONOTONIC, &(struct sigevent){.sigev_signo = 0}, &id));
    SHOW(syscall(SYS_timer_settime, 12345, 0, &spec, NULL));
    SHOW(syscall(SYS_timer_settime, 12345, 0, NULL, NULL));
    SHOW(syscall(SYS_timer_settime, 12345, 0, (void*)16, NULL));
    spec.it_value.tv_nsec = 1000000000;
    SHOW(syscall(SYS_timer_settime, 12345, 0, &spec, NULL));
    SHOW(syscall(SYS_timer_gettime, 12345, &spec));
    SHOW(syscall(SYS_timer_getoverrun, 12345));
    SHOW(syscall(SYS_timer_delete, 12345));
}

/* Due all the time: an ignored signal, and none. The CPU is still the program's. */
static void tiny(void)
{
    const struct itimerspec often = {{0, 8}, {0, 8}};
    const int kinds[] = {SIGEV_SIGNAL, SIGEV_NONE};
    signal(SIGUSR2, SIG_IGN);
    for (int i = 0; i < 2; i++) {
        struct sigevent event = {.sigev_notify = kinds[i], .sigev_signo = SIGUSR2};
        struct timespec start, now;
        struct itimerspec left;
        timer_t timer;
        int rounds = 0;
        SHOW(timer_create(CLOCK_MONOTONIC, &event, &timer));
        SHOW(timer_settime(timer, 0, &often, NULL));
        clock_gettime(CLOCK_MONOTONIC, &start);
        do {
            sched_yield();
            rounds++;
            clock_gettime(CLOCK_MONOTONIC, &now);
        } while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < 100);
        SHOW(timer_gettime(timer, &left));
        printf("the program runs: %d, interval %ld\n", rounds > 20, left.it_interval.tv_nsec);
        SHOW(timer_delete(timer));
    }
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

    sigaction(SIGRTMIN + 2, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    each_clock("realtime", CLOCK_REALTIME, 0);
    each_clock("monotonic", CLOCK_MONOTONIC, 1);
    each_clock("boottime", CLOCK_BOOTTIME, 0);
    each_clock("process", CLOCK_PROCESS_CPUTIME_ID, 1);
    each_clock("thread", CLOCK_THREAD_CPUTIME_ID, 1);
    clockid_t mine;
    pthread_getcpuclockid(pthread_self(), &mine);
    each_clock("this thread", mine, 1);
    overruns();
    order();
    tiny();
    who();
    errors();
    return 0;
}
