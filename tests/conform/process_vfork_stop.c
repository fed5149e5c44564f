// SPDX-License-Identifier: BSD-2-Clause
// A vfork child that is stopped stops alone: the other threads of its parent go on, and one of them continues it.
// covers: vfork, kill
#include "show.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile pid_t child;
static volatile int stopped_seen;

static void* other(void* unused)
{
    siginfo_t info;
    (void)unused;
    while (child == 0)
        usleep(1000);
    memset(&info, 0, sizeof info);
    MUST(waitid(P_PID, (id_t)child, &info, WSTOPPED) == 0);
    printf("stopped: %d by %d\n", info.si_code == CLD_STOPPED, info.si_status);
    /* All of this needs threads that run. */
    for (int i = 0; i < 50; i++)
        usleep(1000);
    stopped_seen = 1;
    MUST(kill(child, SIGCONT) == 0);
    return NULL;
}

int main(void)
{
    pthread_t thread;
    int status = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    MUST(pthread_create(&thread, NULL, other, NULL) == 0);
    pid_t pid = vfork();
    if (pid == 0) {
        child = getpid();
        kill(getpid(), SIGSTOP);
        _exit(stopped_seen ? 5 : 6);
    }
    MUST(waitpid(pid, &status, 0) == pid);
    printf("exit %d\n", WEXITSTATUS(status));
    pthread_join(thread, NULL);
    return 0;
}
