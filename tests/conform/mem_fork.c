// SPDX-License-Identifier: BSD-2-Clause
// What a child has of its parent's memory: MADV_DONTFORK, MADV_WIPEONFORK, locks, policies.
// covers: madvise, fork, get_mempolicy
#include "show.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096ul

int main(void)
{
    char* a = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned long node = 1;
    for (int i = 0; i < 8; i++)
        a[i * PAGE] = (char)(i + 1);
    setvbuf(stdout, NULL, _IONBF, 0);
    SHOW(madvise(a + PAGE, PAGE, MADV_DONTFORK));
    SHOW(madvise(a + 2 * PAGE, 2 * PAGE, MADV_WIPEONFORK));
    SHOW(madvise(a + 3 * PAGE, PAGE, MADV_KEEPONFORK));
    SHOW(mlock(a + 5 * PAGE, PAGE));
    SHOW(syscall(SYS_set_mempolicy, 2, &node, 64));
    SHOW(syscall(SYS_mbind, a + 6 * PAGE, PAGE, 1, &node, 64, 0));
    pid_t pid = fork();
    if (pid == 0) {
        int mode = -1;
        printf("child: %d %d %d %d\n", a[0], a[2 * PAGE], a[3 * PAGE], a[4 * PAGE]);
        SHOW(msync(a + PAGE, PAGE, MS_SYNC));
        SHOW(msync(a + 5 * PAGE, PAGE, MS_INVALIDATE)); // busy if locked
        SHOW((syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0), mode));
        SHOW((syscall(SYS_get_mempolicy, &mode, NULL, 0, a + 6 * PAGE, 2), mode));
        a[PAGE] = 1;
        _exit(0);
    }
    int status;
    MUST(waitpid(pid, &status, 0) == pid);
    printf("child ended by signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    printf("parent: %d %d %d\n", a[PAGE], a[2 * PAGE], a[3 * PAGE]);
    SHOW(madvise(a, 8 * PAGE, MADV_DOFORK));
    pid = fork();
    if (pid == 0)
        _exit(a[PAGE]);
    MUST(waitpid(pid, &status, 0) == pid);
    printf("second child: %d\n", WEXITSTATUS(status));
    return 0;
}
