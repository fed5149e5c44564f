// SPDX-License-Identifier: BSD-2-Clause
// fork comes to its turn while other threads change memory all the time, of pages that Linux has seen, too.
// covers: fork, munmap, madvise
#include "show.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { changers = 8, page = 4096, forks = 40 };

static atomic_int stop;

static void* changes(void* arg)
{
    const int null = open("/dev/null", O_WRONLY);
    char* at = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char* elsewhere = mmap(NULL, 4 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)arg;
    MUST(null >= 0 && at != MAP_FAILED && elsewhere != MAP_FAILED);
    while (!stop) {
        memset(at, 'x', 4 * page);
        MUST(write(null, at, 4 * page) == 4 * page);
        MUST(madvise(at, page, MADV_DONTNEED) == 0 && at[0] == 0);
        MUST(munmap(at + page, page) == 0);
        MUST(mremap(at + 2 * page, page, page, MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere) == elsewhere);
        MUST(mmap(at, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
             at);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[changers];

    for (int i = 0; i < changers; i++)
        MUST(pthread_create(&threads[i], NULL, changes, NULL) == 0);
    for (int i = 0; i < forks; i++) {
        int status;
        const pid_t pid = fork();

        MUST(pid >= 0);
        if (pid == 0)
            _exit(7);
        MUST(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7);
    }
    stop = 1;
    for (int i = 0; i < changers; i++)
        MUST(pthread_join(threads[i], NULL) == 0);
    printf("forked %d times\n", forks);
    return 0;
}
