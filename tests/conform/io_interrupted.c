// SPDX-License-Identifier: BSD-2-Clause
// A handler that runs while the program is blocked in Linux: EINTR, or the call goes on with SA_RESTART; calls that
// never restart; what sleep has left; the part of a write that was done.
// covers: rt_sigaction, pause, setitimer, kill
#include "show.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t handled;
static int ends[2];

static void handler(int signal)
{
    (void)signal;
    handled++;
}

static void arm(int flags, int milliseconds)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    MUST(sigaction(SIGALRM, &action, NULL) == 0);
    handled = 0;
    MUST(setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, milliseconds * 1000}}, NULL) == 0);
}

static void* feeder(void* unused)
{
    (void)unused;
    usleep(150000);
    MUST(write(ends[1], "late", 4) == 4);
    return NULL;
}

#define TELL(what, call)                                                                                     \
    do {                                                                                                     \
        errno = 0;                                                                                           \
        long n_ = (call);                                                                                    \
        printf("%s: %ld %s, handled %d\n", what, n_, errno ? strerrorname_np(errno) : "-", handled);         \
    } while (0)

int main(void)
{
    static char big[1 << 20];
    struct timespec left = {0, 0};
    pthread_t thread;
    sigset_t alarm_only;
    int pair[2];
    char text[8];

    setvbuf(stdout, NULL, _IOLBF, 0);
    sigemptyset(&alarm_only);
    sigaddset(&alarm_only, SIGALRM);
    MUST(pipe(ends) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    arm(0, 50);
    TELL("read", read(ends[0], text, 4));
    arm(SA_RESTART, 50);
    MUST(pthread_create(&thread, NULL, feeder, NULL) == 0);
    MUST(pthread_sigmask(SIG_UNBLOCK, &alarm_only, NULL) == 0);
    TELL("read, restarted", read(ends[0], text, 4));
    pthread_join(thread, NULL);
    arm(SA_RESTART, 50);
    TELL("poll", poll(NULL, 0, 2000));
    arm(SA_RESTART, 50);
    TELL("nanosleep", nanosleep(&(struct timespec){2, 0}, &left));
    printf("left: %d\n", left.tv_sec == 1 && left.tv_nsec > 500000000);
    arm(SA_RESTART, 50);
    TELL("clock_nanosleep", clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){2, 0}, &left));
    arm(SA_RESTART, 50);
    TELL("pause", pause());
    arm(0, 50);
    TELL("recv", recv(pair[0], text, 4, 0));
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){2, 0}, sizeof(struct timeval));
    arm(SA_RESTART, 50);
    TELL("recv with time-out", recv(pair[0], text, 4, 0));
    fcntl(ends[1], F_SETPIPE_SZ, 65536);
    arm(SA_RESTART, 50);
    TELL("write of more than fits", write(ends[1], big, sizeof big));
    arm(0, 50);
    TELL("write to a full pipe", write(ends[1], big, 1));
    signal(SIGPIPE, SIG_IGN);
    close(ends[0]);
    TELL("write to nobody", write(ends[1], big, 1));
    signal(SIGPIPE, handler);
    handled = 0;
    TELL("write to nobody, handled", write(ends[1], big, 1));
    signal(SIGPIPE, SIG_DFL);
    fflush(stdout);
    (void)!write(ends[1], big, 1);
    printf("not reached\n");
    return 0;
}
