// SPDX-License-Identifier: BSD-2-Clause
// System V shared memory: attach, detach, permissions, the count of attachments, errors.
// covers: shmget, shmat, shmdt, shmctl
#include "show.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

enum { PAGE = 4096 };

static sigjmp_buf back;

static void caught(int signo, siginfo_t* info, void* context)
{
    (void)context;
    printf("  %s code %d\n", strsignal(signo), info->si_code);
    siglongjmp(back, 1);
}

static void touch(const char* what, volatile char* at)
{
    printf("%s\n", what);
    if (sigsetjmp(back, 1) != 0)
        return;
    *at = 'w';
    printf("  fine\n");
}

static long attached(int id)
{
    struct shmid_ds info;
    MUST(shmctl(id, IPC_STAT, &info) == 0);
    return (long)info.shm_nattch;
}

int main(void)
{
    struct sigaction act = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &act, NULL);
    int id = shmget(IPC_PRIVATE, 5 * PAGE + 100, IPC_CREAT | 0600);
    MUST(id >= 0);
    SHOW(attached(id));
    char* p = shmat(id, NULL, 0);
    MUST(p != (char*)-1);
    SHOW(attached(id));
    for (int i = 0; i < 6; i++)
        p[i * PAGE] = (char)('a' + i);
    char* q = shmat(id, NULL, SHM_RDONLY);
    MUST(q != (char*)-1);
    SHOW(attached(id));
    printf("%c%c%c\n", q[0], q[PAGE], q[5 * PAGE]);
    touch("read-only", q);
    strcpy(p, "written");
    printf("%s\n", q);
    SHOW(write(1, q, 7));
    printf("\n");
    // A place of one's own, next to the second.
    char* room = mmap(NULL, 10 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    SHOW_OK(shmat(id, room, 0));
    SHOW_OK(shmat(id, room + 1, 0));
    char* r = shmat(id, room + PAGE + 5, SHM_RND | SHM_REMAP);
    SHOW(r == room + PAGE);
    SHOW(attached(id));
    r[2 * PAGE] = 'R';
    printf("%c\n", q[2 * PAGE]);
    // Half of it unmapped: shmdt takes the rest.
    SHOW(munmap(r, 2 * PAGE));
    SHOW(shmdt(r));
    touch("detached", r + 3 * PAGE);
    SHOW(attached(id));
    SHOW(shmdt(r));
    SHOW(shmdt(q + PAGE));
    SHOW(shmdt(q + 1));
    SHOW(shmdt(q));
    SHOW(attached(id));
    SHOW(shmctl(id, IPC_RMID, NULL));
    printf("%s\n", p);
    SHOW_OK(shmat(id, NULL, 0) == (void*)-1 ? -1 : 0);
    SHOW(shmdt(p));
    SHOW_OK(shmat(id, NULL, 0) == (void*)-1 ? -1 : 0);
    SHOW_OK(shmat(-1, NULL, 0) == (void*)-1 ? -1 : 0);
    SHOW(shmget(0x7fffff01, PAGE, 0600));
    SHOW(shmget(IPC_PRIVATE, 0, 0600));
    id = shmget(IPC_PRIVATE, PAGE, 0400);
    MUST(id >= 0);
    p = shmat(id, NULL, SHM_EXEC | SHM_RDONLY);
    MUST(p != (char*)-1);
    printf("%d\n", p[0]);
    SHOW(mprotect(p, PAGE, PROT_READ));
    SHOW(shmctl(id, IPC_RMID, NULL));
    // Its end comes with the process.
    return 0;
}
