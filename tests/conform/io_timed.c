// SPDX-License-Identifier: BSD-2-Clause
// Waits with a relative timeout: semtimedop, and a futex in shared memory. Time out, errors, EINTR after a handler; a
// stop and a continuation cost them no time. The descriptors of another process, as /proc lists them.
// covers: semtimedop, futex
#include "show.h"

#include <dirent.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int sem;
static int* word;
static struct sembuf down = {0, -1, 0};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long wait_by(int how, struct timespec time)
{
    return how == 0 ? semtimedop(sem, &down, 1, &time)
                    : syscall(SYS_futex, word, FUTEX_WAIT, 0, &time, NULL, 0);
}

static volatile sig_atomic_t handled;
static void handler(int signo)
{
    handled += signo == SIGUSR1;
}

/* Sends these signals to its parent, 100 ms apart. */
static pid_t sender(int first, int second)
{
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        usleep(500000); /* the parent is in its call by then */
        kill(parent, first);
        usleep(100000);
        if (second) {
            kill(parent, second);
            usleep(500000); /* its end, SIGCHLD, is not to come together with that: docs/limits.md */
        }
        _exit(0);
    }
    return pid;
}

static void list(pid_t pid, const char* folder)
{
    char path[64];
    int seen = 0;
    snprintf(path, sizeof path, "/proc/%d/%s", pid, folder);
    DIR* dir = opendir(path);
    MUST(dir);
    for (struct dirent* e; (e = readdir(dir));)
        seen += e->d_name[0] != '.';
    closedir(dir);
    printf("%s of the child: %d\n", folder, seen);
}

int main(void)
{
    static const char* const names[] = {"semtimedop", "futex"};
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};

    setvbuf(stdout, NULL, _IOLBF, 0);
    sem = semget(IPC_PRIVATE, 1, 0600);
    word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    MUST(sem >= 0 && word != MAP_FAILED && sigaction(SIGUSR1, &action, NULL) == 0);
    for (int how = 0; how < 2; how++) {
        double start = now();
        SHOW(wait_by(how, (struct timespec){0, 50000000}));
        printf("%s took its time: %d\n", names[how], now() - start >= 0.05 && now() - start < 5);
        SHOW(wait_by(how, (struct timespec){0, 0}));
        SHOW(wait_by(how, (struct timespec){0, 1000000000}));
        SHOW(wait_by(how, (struct timespec){-1, 0}));
        handled = 0;
        pid_t pid = sender(SIGUSR1, 0);
        SHOW(wait_by(how, (struct timespec){20, 0}));
        printf("handled %d\n", handled);
        waitpid(pid, NULL, 0);
        pid = sender(SIGSTOP, SIGCONT);
        start = now();
        long result = wait_by(how, (struct timespec){3, 0});
        printf("%s, stopped: %ld %s", names[how], result, strerrorname_np(errno));
        printf(", time as asked for: %d\n", now() - start >= 0.2 && now() - start < 10);
        waitpid(pid, NULL, 0);
    }
    SHOW(semtimedop(sem, &down, 1, (void*)16));
    SHOW(semtimedop(-1, &down, 1, &(struct timespec){0, 1}));
    SHOW(semtimedop(sem, NULL, 1, &(struct timespec){0, 1}));
    SHOW(semtimedop(sem, &down, 0, &(struct timespec){0, 1}));
    semctl(sem, 0, IPC_RMID);
    int ends[2];
    MUST(pipe(ends) == 0);
    pid_t pid = fork();
    char there = 0;
    if (pid == 0) {
        MUST(write(ends[1], &there, 1) == 1);
        pause();
        _exit(0);
    }
    MUST(read(ends[0], &there, 1) == 1);
    list(pid, "fd");
    list(pid, "fdinfo");
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return 0;
}
