/* SPDX-License-Identifier: BSD-2-Clause */
/* Handlers, masks, interrupted and restarted calls, signals to threads, SIGPIPE, an alternate stack. */
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t count;
static volatile sig_atomic_t last;
static volatile pthread_t who;
static char alternate[65536];
static volatile int on_alternate;

static void handler(int signo)
{
    char here;

    count++;
    last = signo;
    who = pthread_self();
    on_alternate = &here >= alternate && &here < alternate + sizeof(alternate);
}

static void repair(int signo, siginfo_t* info, void* context)
{
    (void)signo;
    (void)context;
    count++;
    CHECK(mprotect((void*)((size_t)info->si_addr & ~4095ul), 4096, PROT_READ | PROT_WRITE) == 0);
}

static void install(int signo, int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

    CHECK(sigaction(signo, &action, NULL) == 0);
}

static void faults(void)
{
    struct sigaction action = {.sa_sigaction = repair, .sa_flags = SA_SIGINFO};
    volatile char* page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
    count = 0;
    page[5] = 7;
    CHECK(count == 1 && page[5] == 7);
    CHECK(signal(SIGSEGV, SIG_DFL) != SIG_ERR);
}

static void masks(void)
{
    sigset_t set, pending;

    install(SIGUSR1, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    count = 0;
    CHECK(raise(SIGUSR1) == 0 && kill(getpid(), SIGUSR1) == 0);
    CHECK(count == 0);
    CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1));
    CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
    CHECK(count >= 1 && last == SIGUSR1);
}

static void alternate_stack(void)
{
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof(alternate)};

    CHECK(sigaltstack(&stack, NULL) == 0);
    install(SIGUSR2, SA_ONSTACK);
    CHECK(raise(SIGUSR2) == 0 && on_alternate);
    install(SIGUSR2, 0);
    CHECK(raise(SIGUSR2) == 0 && !on_alternate);
}

/* A blocked read ends with EINTR, or goes on after SA_RESTART. */
static void blocked_calls(void)
{
    struct timespec moment = {0, 200 * 1000 * 1000}, left;
    char c;
    int fds[2];

    CHECK(pipe(fds) == 0);
    install(SIGALRM, 0);
    count = 0;
    alarm(1);
    CHECK_ERRNO(read(fds[0], &c, 1), EINTR);
    CHECK(count == 1 && last == SIGALRM);

    install(SIGALRM, SA_RESTART);
    alarm(1);
    {
        pthread_t thread;
        void* late(void* arg);

        CHECK(pthread_create(&thread, NULL, late, &fds[1]) == 0);
        CHECK(read(fds[0], &c, 1) == 1 && c == 'z');
        CHECK(pthread_join(thread, NULL) == 0);
    }
    CHECK(count == 2);

    /* An ignored signal does not show. */
    CHECK(signal(SIGALRM, SIG_IGN) != SIG_ERR);
    alarm(1);
    moment.tv_sec = 1;
    CHECK(nanosleep(&moment, &left) == 0);
}

void* late(void* arg)
{
    struct timespec moment = {1, 500 * 1000 * 1000};
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    nanosleep(&moment, NULL);
    CHECK(write(*(int*)arg, "z", 1) == 1);
    return NULL;
}

static void* sleeper(void* arg)
{
    struct timespec moment = {10, 0};

    CHECK_ERRNO(nanosleep(&moment, NULL), EINTR);
    CHECK(pthread_equal(who, pthread_self()));
    return arg;
}

static void threads(void)
{
    struct timespec moment = {0, 300 * 1000 * 1000};
    pthread_t thread;

    install(SIGUSR1, 0);
    CHECK(pthread_create(&thread, NULL, sleeper, NULL) == 0);
    nanosleep(&moment, NULL);
    CHECK(pthread_kill(thread, SIGUSR1) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

static void broken_pipe(void)
{
    int fds[2];

    CHECK(pipe(fds) == 0 && close(fds[0]) == 0);
    install(SIGPIPE, 0);
    count = 0;
    CHECK_ERRNO(write(fds[1], "x", 1), EPIPE);
    for (int i = 0; i < 100 && count == 0; i++)
        usleep(1000);
    CHECK(count == 1 && last == SIGPIPE);
    CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    CHECK_ERRNO(write(fds[1], "x", 1), EPIPE);
}

int main(void)
{
    faults();
    masks();
    alternate_stack();
    broken_pipe();
    threads();
    blocked_calls();
    printf("ok signals\n");
    return 0;
}
