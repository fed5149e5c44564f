// SPDX-License-Identifier: BSD-2-Clause
// Threads are made while their process ends: by an exit or a fault of another thread, or by SIGKILL. All ends.
// born_dying ROUNDS
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void* nothing(void* none)
{
    return none;
}

static void* make(void* none)
{
    for (;;) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, nothing, NULL) == 0)
            pthread_detach(thread);
    }
    return none;
}

static void live(int how, unsigned after_us)
{
    pthread_t thread;

    for (int i = 0; i < 3; i++)
        pthread_create(&thread, NULL, make, NULL);
    usleep(after_us);
    if (how == 0)
        _exit(7);
    if (how == 1)
        raise(SIGTERM);
    pause(); // for SIGKILL
}

int main(int argc, char** argv)
{
    const int rounds = argc > 1 ? atoi(argv[1]) : 100;

    for (int i = 0; i < rounds; i++) {
        const int how = i % 3;
        const unsigned after_us = 2000 + (unsigned)(i * 7919) % 20000;
        const pid_t child = fork();
        int status;

        CHECK(child >= 0);
        if (child == 0)
            live(how, after_us);
        if (how == 2) {
            usleep(2 * after_us);
            kill(child, SIGKILL);
        }
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(how == 0 ? WIFEXITED(status) && WEXITSTATUS(status) == 7
                       : WIFSIGNALED(status) && WTERMSIG(status) == (how == 1 ? SIGTERM : SIGKILL));
    }
    printf("ok born_dying %d\n", rounds);
    return 0;
}
