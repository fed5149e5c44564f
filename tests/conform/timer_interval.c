// SPDX-License-Identifier: BSD-2-Clause
// setitimer, alarm and RLIMIT_CPU.
// covers: setitimer, getitimer, alarm
#include "show.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t count, code;

static void handler(int signo, siginfo_t* info, void* context)
{
    (void)signo;
    (void)context;
    count++;
    code = info->si_code;
}

static double now(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void burn(int wanted)
{
    double end = now(CLOCK_MONOTONIC) + 20;

    while (count < wanted && now(CLOCK_MONOTONIC) < end)
        for (volatile int i = 0; i < 10000; i++)
            ;
}

static void one(const char* name, int which, int signo, clockid_t clock)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    struct itimerval set = {{0, 20000}, {0, 60000}}, old;

    sigaction(signo, &action, NULL);
    count = 0;
    SHOW(getitimer(which, &old));
    printf("%s: %d %d\n", name, (int)old.it_value.tv_sec, (int)old.it_value.tv_usec);
    double start = now(clock);
    SHOW(setitimer(which, &set, NULL));
    SHOW(getitimer(which, &old));
    printf("%s: runs %d interval %d\n", name, old.it_value.tv_usec > 0 && old.it_value.tv_usec <= 75000,
           (int)old.it_interval.tv_usec);
    burn(1);
    printf("%s: not early %d, code %d\n", name, now(clock) - start >= 0.055, (int)code);
    burn(5);
    printf("%s: five %d\n", name, count >= 5);
    set = (struct itimerval){{0, 0}, {0, 0}};
    SHOW(setitimer(which, &set, &old));
    printf("%s: was on %d interval %d\n", name, old.it_value.tv_usec > 0, (int)old.it_interval.tv_usec);
    SHOW(getitimer(which, &old));
    printf("%s: off %d\n", name, old.it_value.tv_sec == 0 && old.it_value.tv_usec == 0);
    count = 0;
    usleep(60000);
    printf("%s: quiet %d\n", name, count == 0);
}

static void cpu_limit(void)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    struct rlimit limit;

    sigaction(SIGXCPU, &action, NULL);
    count = 0;
    getrlimit(RLIMIT_CPU, &limit);
    printf("unlimited %d\n", limit.rlim_cur == RLIM_INFINITY);
    double used = now(CLOCK_PROCESS_CPUTIME_ID);
    limit.rlim_cur = (rlim_t)used + 1;
    limit.rlim_max = (rlim_t)used + 3;
    SHOW(setrlimit(RLIMIT_CPU, &limit));
    burn(2);
    printf("SIGXCPU twice %d, code %d\n", count >= 2, (int)code);
    fflush(stdout);
    count = 0;
    burn(100);
    printf("still here\n");
}

int main(void)
{
    one("real", ITIMER_REAL, SIGALRM, CLOCK_MONOTONIC);
    one("virtual", ITIMER_VIRTUAL, SIGVTALRM, CLOCK_PROCESS_CPUTIME_ID);
    one("prof", ITIMER_PROF, SIGPROF, CLOCK_PROCESS_CPUTIME_ID);
    SHOW(alarm(100));
    SHOW(alarm(0) > 98);
    SHOW(alarm(0));
    SHOW(setitimer(7, NULL, NULL));
    SHOW(getitimer(7, &(struct itimerval){{0, 0}, {0, 0}}));
    SHOW(syscall(SYS_setitimer, ITIMER_PROF, (void*)16, NULL));
    SHOW(syscall(SYS_getitimer, ITIMER_VIRTUAL, (void*)16));
    SHOW(setitimer(ITIMER_PROF, &(struct itimerval){{0, 0}, {0, 1000000}}, NULL));
    SHOW(setitimer(ITIMER_PROF, &(struct itimerval){{-1, 0}, {0, 0}}, NULL));
    cpu_limit();
    return 0;
}
