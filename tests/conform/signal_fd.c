// SPDX-License-Identifier: BSD-2-Clause
// signalfd: read, poll, select and epoll; what is said of a signal; whose signals they are among threads, over fork
// and execve; a change of the set; interrupts, errors.
// covers: signalfd, signalfd4, rt_sigqueueinfo, tgkill, timer_create, timer_settime
#include "show.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static sigset_t wanted;
static int fd;

static void tell(const char* what)
{
    struct signalfd_siginfo i;
    errno = 0;
    ssize_t n = read(fd, &i, sizeof i);
    if (n != sizeof i) {
        printf("%s: %zd %s\n", what, n, strerrorname_np(errno));
        return;
    }
    printf("%s: signal %u errno %d code %d own pid %d uid %u int %d ptr %llx overrun %u status %d fd %d\n",
           what, i.ssi_signo, i.ssi_errno, i.ssi_code, i.ssi_pid == (unsigned)getpid(), i.ssi_uid, i.ssi_int,
           (unsigned long long)i.ssi_ptr, i.ssi_overrun, i.ssi_status, i.ssi_fd);
}

static int ready(void)
{
    struct pollfd p = {fd, POLLIN | POLLOUT, 0};
    int n = poll(&p, 1, 0);
    return n ? p.revents : 0;
}

static void errors(void)
{
    uint64_t set = 1ull << (SIGUSR1 - 1);
    char small[64];
    char* none = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    SHOW(syscall(SYS_signalfd4, -1, &set, 4, 0));
    SHOW(syscall(SYS_signalfd4, -1, NULL, 8, 0));
    SHOW(syscall(SYS_signalfd4, -1, &set, 8, 1));
    SHOW(syscall(SYS_signalfd4, -1, none, 8, 1));
    SHOW(syscall(SYS_signalfd4, 999, &set, 8, 0));
    SHOW(syscall(SYS_signalfd4, -2, &set, 8, 0));
    SHOW(syscall(SYS_signalfd4, STDOUT_FILENO, &set, 8, 0));
    SHOW(syscall(SYS_signalfd, -1, &set, 7));
    SHOW(syscall(SYS_signalfd, STDOUT_FILENO, &set, 8));
    SHOW(read(fd, small, sizeof small));
    SHOW(write(fd, small, sizeof small));
    SHOW(pread(fd, small, sizeof small, 0));
    SHOW(lseek(fd, 100, SEEK_SET));
    SHOW(fcntl(fd, F_GETFD));
    SHOW(fcntl(fd, F_GETFL) & (O_NONBLOCK | O_ACCMODE));
    MUST(raise(SIGUSR1) == 0);
    SHOW(read(fd, none, 4096));
    printf("taken all the same: %d\n", ready() == 0);
    int plain = syscall(SYS_signalfd, -1, &set, 8);
    SHOW(fcntl(plain, F_GETFD));
    SHOW(fcntl(plain, F_GETFL) & O_NONBLOCK);
    close(plain);
    char line[200], path[64], *at = NULL;
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    FILE* info = fopen(path, "r");
    while (info && fgets(line, sizeof line, info))
        if ((at = strstr(line, "sigmask")))
            printf("%s", at);
    if (info)
        fclose(info);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(path, line, sizeof line);
    printf("%.*s\n", (int)n, line);
}

static void fields(void)
{
    struct signalfd_siginfo two[4];
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 2};
    timer_t timer;

    tell("nothing");
    printf("ready %x\n", ready());
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR1);
    printf("ready %x\n", ready());
    tell("kill");
    tell("merged");
    raise(SIGUSR2);
    tell("tgkill");
    sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 1});
    sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = -2});
    sigqueue(getpid(), SIGUSR1, (union sigval){.sival_ptr = (void*)0x123456789abc});
    errno = 0;
    ssize_t n = read(fd, two, 2 * sizeof two[0] + 100);
    printf("two at once: %zd, %u %d, %u %d\n", n / (ssize_t)sizeof two[0], two[0].ssi_signo, two[0].ssi_code,
           two[1].ssi_signo, two[1].ssi_int);
    n = read(fd, two, sizeof two);
    printf("the rest: %zd, %d\n", n / (ssize_t)sizeof two[0], two[0].ssi_int);
    event.sigev_value.sival_int = 77;
    MUST(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    MUST(timer_settime(timer, 0, &(struct itimerspec){{0, 0}, {0, 20000000}}, NULL) == 0);
    MUST(poll(&(struct pollfd){fd, POLLIN, 0}, 1, 10000) == 1);
    tell("timer");
    timer_delete(timer);
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 20000}}, NULL);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fd, &set);
    MUST(select(fd + 1, &set, NULL, NULL, &(struct timeval){10, 0}) == 1);
    tell("alarm");
    siginfo_t sent = {.si_signo = SIGUSR1, .si_errno = 5, .si_code = -60};
    sent.si_band = 0x12345;
    sent.si_fd = 9;
    syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &sent);
    tell("as from SIGIO");
}

static void* use_epoll(void* unused)
{
    struct epoll_event event = {.events = EPOLLIN}, got;
    int epoll = epoll_create1(0);
    (void)unused;

    MUST(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
    SHOW(epoll_wait(epoll, &got, 1, 0));
    /* From Linux, while it waits; a timer of the LWK's; from itself. */
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        usleep(50000);
        kill(parent, SIGUSR2);
        _exit(3);
    }
    SHOW(epoll_wait(epoll, &got, 1, 10000));
    struct signalfd_siginfo i;
    MUST(read(fd, &i, sizeof i) == sizeof i);
    printf("from the child: %u %d %d\n", i.ssi_signo, i.ssi_code, i.ssi_pid == (unsigned)child);
    SHOW(epoll_wait(epoll, &got, 1, 10000));
    MUST(read(fd, &i, sizeof i) == sizeof i);
    printf("its end: %u code %d status %d pid %d\n", i.ssi_signo, i.ssi_code, i.ssi_status,
           i.ssi_pid == (unsigned)child);
    MUST(waitpid(child, NULL, 0) == child);
    for (int n = 0; n < 3; n++) {
        setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 10000}}, NULL);
        SHOW(epoll_wait(epoll, &got, 1, 10000));
        MUST(read(fd, &i, sizeof i) == sizeof i);
    }
    kill(getpid(), SIGUSR1);
    SHOW(epoll_wait(epoll, &got, 1, 0));
    MUST(read(fd, &i, sizeof i) == sizeof i);
    SHOW(epoll_wait(epoll, &got, 1, 20));
    event.events = EPOLLIN | EPOLLET;
    MUST(epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event) == 0);
    kill(getpid(), SIGUSR1);
    SHOW(epoll_wait(epoll, &got, 1, 1000));
    SHOW(epoll_wait(epoll, &got, 1, 20));
    MUST(read(fd, &i, sizeof i) == sizeof i);
    close(epoll);
    return NULL;
}

static pthread_barrier_t barrier;

static void* other_thread(void* unused)
{
    (void)unused;
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier); /* the signal for this thread is there */
    printf("the thread itself: %x\n", ready());
    tell("the thread itself");
    pthread_barrier_wait(&barrier);
    usleep(50000);
    kill(getpid(), SIGUSR1); /* the other one is blocked in read */
    return NULL;
}

static void threads(void)
{
    pthread_t thread;
    MUST(pthread_barrier_init(&barrier, NULL, 2) == 0);
    MUST(pthread_create(&thread, NULL, other_thread, NULL) == 0);
    pthread_barrier_wait(&barrier);
    pthread_kill(thread, SIGUSR1);
    printf("another thread: %x\n", ready());
    tell("another thread");
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    fcntl(fd, F_SETFL, 0);
    tell("blocked");
    fcntl(fd, F_SETFL, O_NONBLOCK);
    pthread_join(thread, NULL);
}

static volatile sig_atomic_t handled;
static void handler(int signal)
{
    (void)signal;
    handled++;
}

static void interrupts(void)
{
    struct sigaction action = {.sa_handler = handler};
    fcntl(fd, F_SETFL, 0);
    for (int restart = 0; restart < 2; restart++) {
        action.sa_flags = restart ? SA_RESTART : 0;
        MUST(sigaction(SIGRTMIN + 5, &action, NULL) == 0);
        pid_t parent = getpid(), child = fork();
        if (child == 0) {
            usleep(30000);
            kill(parent, SIGRTMIN + 5);
            usleep(100000);
            kill(parent, SIGUSR2);
            _exit(0);
        }
        tell(restart ? "handler, restart" : "handler");
        printf("handled %d\n", handled);
        MUST(waitpid(child, NULL, 0) == child);
        fcntl(fd, F_SETFL, O_NONBLOCK);
        struct signalfd_siginfo i;
        while (read(fd, &i, sizeof i) > 0) {
        }
        fcntl(fd, F_SETFL, 0);
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
}

static void changes(void)
{
    sigset_t only;
    raise(SIGUSR1);
    sigemptyset(&only);
    sigaddset(&only, SIGUSR2);
    SHOW(signalfd(fd, &only, 0) == fd);
    printf("not of the set: %x\n", ready());
    SHOW(signalfd(fd, &wanted, 0) == fd);
    printf("of the set: %x\n", ready());
    sigset_t both = wanted;
    sigaddset(&both, SIGKILL);
    sigaddset(&both, SIGSTOP);
    SHOW(signalfd(fd, &both, SFD_NONBLOCK) == fd);
    tell("and read");
    /* Also taken by others, and not there for the file then. */
    raise(SIGUSR1);
    MUST(sigtimedwait(&wanted, NULL, &(struct timespec){0, 0}) == SIGUSR1);
    printf("taken by sigtimedwait: %x\n", ready());
    tell("taken by sigtimedwait");
}

static void children(char* self)
{
    raise(SIGUSR1);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        printf("in the child: %x\n", ready());
        raise(SIGUSR2);
        tell("in the child");
        kill(getpid(), SIGUSR2);
        char number[16];
        snprintf(number, sizeof number, "%d", fcntl(fd, F_DUPFD, 100));
        fflush(stdout);
        execl(self, self, number, NULL);
        _exit(99);
    }
    MUST(waitpid(child, NULL, 0) == child);
    tell("in the parent");
    tell("SIGCHLD");
}

int main(int argc, char** argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1) {
        fd = atoi(argv[1]);
        fcntl(fd, F_SETFL, O_NONBLOCK);
        printf("after execve: %x\n", ready());
        tell("after execve");
        tell("after execve");
        return 0;
    }
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGUSR1);
    sigaddset(&wanted, SIGUSR2);
    sigaddset(&wanted, SIGALRM);
    sigaddset(&wanted, SIGCHLD);
    sigaddset(&wanted, SIGRTMIN + 1);
    sigaddset(&wanted, SIGRTMIN + 2);
    MUST(pthread_sigmask(SIG_BLOCK, &wanted, NULL) == 0);
    fd = signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0) {
        printf("signalfd: %s\n", strerrorname_np(errno));
        return 1;
    }
    errors();
    fields();
    use_epoll(NULL);
    threads();
    interrupts();
    changes();
    children(argv[0]);
    return 0;
}
