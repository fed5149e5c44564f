// SPDX-License-Identifier: BSD-2-Clause
// ppoll, pselect and epoll_pwait with signal masks: a blocked signal that pends comes in while they wait, EINTR; the
// mask is back afterwards; a signal that the mask keeps out does not end them.
// covers: rt_sigprocmask, tgkill
#include "show.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t handled, during;
static int ends[2], epoll;
static sigset_t none, all;

static void handler(int signal)
{
    sigset_t now;
    handled++;
    pthread_sigmask(SIG_SETMASK, NULL, &now);
    during = sigismember(&now, SIGUSR2);
    (void)signal;
}

static int wait_by(int how, const sigset_t* mask, int milliseconds)
{
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000l};
    struct pollfd one = {ends[0], POLLIN, 0};
    struct epoll_event event;
    fd_set set;

    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    errno = 0;
    return how == 0   ? ppoll(&one, 1, &time, mask)
           : how == 1 ? pselect(ends[0] + 1, &set, NULL, NULL, &time, mask)
                      : epoll_pwait(epoll, &event, 1, milliseconds, mask);
}

static const char* const names[] = {"ppoll", "pselect", "epoll_pwait"};

static void* sender(void* target)
{
    usleep(50000);
    pthread_kill(*(pthread_t*)target, SIGUSR1);
    return NULL;
}

int main(void)
{
    struct sigaction action = {.sa_handler = handler};
    struct epoll_event event = {.events = EPOLLIN};
    pthread_t self = pthread_self(), thread;
    sigset_t usr1, now;

    sigemptyset(&none);
    sigfillset(&all);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    action.sa_flags = SA_RESTART; /* these calls are never restarted */
    MUST(sigaction(SIGUSR1, &action, NULL) == 0 && pipe(ends) == 0 && (epoll = epoll_create1(0)) >= 0);
    MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0);
    MUST(pthread_sigmask(SIG_BLOCK, &usr1, NULL) == 0);

    for (int how = 0; how < 3; how++) {
        handled = 0;
        raise(SIGUSR1);
        int n = wait_by(how, &none, 3000);
        printf("%s, signal pends: %d %s, handled %d\n", names[how], n, strerrorname_np(errno), handled);
        pthread_sigmask(SIG_SETMASK, NULL, &now);
        printf("  mask after: %d\n", sigismember(&now, SIGUSR1));

        handled = 0;
        MUST(pthread_create(&thread, NULL, sender, &self) == 0);
        n = wait_by(how, &none, 3000);
        printf("%s, signal comes: %d %s, handled %d\n", names[how], n, strerrorname_np(errno), handled);
        pthread_join(thread, NULL);

        handled = 0;
        MUST(pthread_create(&thread, NULL, sender, &self) == 0);
        n = wait_by(how, &all, 200);
        printf("%s, kept out: %d %s, handled %d\n", names[how], n, errno ? strerrorname_np(errno) : "-",
               handled);
        pthread_join(thread, NULL);
        MUST(sigtimedwait(&usr1, NULL, &(struct timespec){0, 0}) == SIGUSR1);

        MUST(write(ends[1], "x", 1) == 1);
        n = wait_by(how, &none, 3000);
        printf("%s, data: %d\n", names[how], n);
        /* Both: Linux looks for data first. */
        raise(SIGUSR1);
        n = wait_by(how, &none, 3000);
        printf("%s, data and signal: %d\n", names[how], n);
        wait_by(how, &none, 0);
        sigtimedwait(&usr1, NULL, &(struct timespec){0, 0});
        MUST(read(ends[0], &(char){0}, 1) == 1);
    }
    return 0;
}
