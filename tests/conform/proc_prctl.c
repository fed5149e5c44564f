// SPDX-License-Identifier: BSD-2-Clause
// prctl and personality: what is about the process goes on as on Linux.
// covers: prctl, personality
#include "show.h"

#include <pthread.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static void* other(void* name)
{
    char mine[20] = "";
    SHOW(prctl(PR_GET_NAME, mine));
    printf("inherited: %s\n", mine);
    SHOW(prctl(PR_SET_NAME, "a name that is too long"));
    SHOW(prctl(PR_GET_NAME, mine));
    printf("cut: %s\n", mine);
    return name;
}

int main(void)
{
    char name[20] = "";
    SHOW(prctl(PR_SET_NAME, "main"));
    pthread_t thread;
    pthread_create(&thread, NULL, other, NULL);
    pthread_join(thread, NULL);
    SHOW(prctl(PR_GET_NAME, name));
    printf("mine: %s\n", name);
    SHOW(prctl(PR_SET_NAME, (char*)16));
    SHOW(prctl(PR_GET_NAME, (char*)16));
    int value = 0;
    SHOW(prctl(PR_SET_PDEATHSIG, SIGUSR1));
    SHOW(prctl(PR_GET_PDEATHSIG, &value));
    printf("%d\n", value);
    SHOW(prctl(PR_SET_PDEATHSIG, 1000));
    SHOW(prctl(PR_SET_PDEATHSIG, 0));
    SHOW(prctl(PR_GET_DUMPABLE));
    SHOW(prctl(PR_SET_DUMPABLE, 0));
    SHOW(prctl(PR_GET_DUMPABLE));
    SHOW(prctl(PR_SET_DUMPABLE, 1));
    SHOW(prctl(PR_SET_DUMPABLE, 7));
    SHOW(prctl(PR_GET_KEEPCAPS));
    SHOW(prctl(PR_SET_TIMERSLACK, 70000));
    SHOW(prctl(PR_GET_TIMERSLACK));
    SHOW(prctl(PR_SET_CHILD_SUBREAPER, 1));
    SHOW(prctl(PR_GET_CHILD_SUBREAPER, &value));
    printf("%d\n", value);
    SHOW(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    SHOW(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    SHOW(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    SHOW(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
    SHOW(prctl(PR_GET_SECCOMP));
    SHOW(prctl(PR_GET_TIMING));
    SHOW(prctl(PR_SET_TIMING, 1));
    SHOW(prctl(PR_GET_TSC, &value));
    printf("%d\n", value);
    SHOW(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
    SHOW(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
    SHOW(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
    SHOW(prctl(PR_CAPBSET_READ, 0));
    SHOW(prctl(PR_CAPBSET_READ, 1000));
    int* tid_address = NULL;
    SHOW(prctl(PR_GET_TID_ADDRESS, &tid_address));
    printf("a thread id: %d\n", tid_address != NULL && *tid_address == gettid());
    SHOW(prctl(12345));
    SHOW(prctl(-1));

    SHOW_OK(personality(0xffffffff));
    const int before = personality(0xffffffff);
    SHOW_OK(personality((unsigned)before | ADDR_NO_RANDOMIZE));
    printf("kept: %d\n", (personality(0xffffffff) & ADDR_NO_RANDOMIZE) != 0);
    SHOW_OK(personality((unsigned)before));
    return 0;
}
