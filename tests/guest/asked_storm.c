/* SPDX-License-Identifier: BSD-2-Clause */
/* asked_storm FILE [SECONDS]: maps, protects, discards, moves and forks all the time, and writes its pid and where
 * that happens to FILE, for those who then ask for that memory from outside (asker). It must come to its end. */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { page = 4096, threads = 3, pages_each = 600 };

static unsigned char* area;
static atomic_int stop;
static atomic_long rounds, forks;

static void* stirs(void* arg)
{
    unsigned char* at = area + (size_t)arg * pages_each * page;
    const size_t bytes = (size_t)pages_each * page;
    int fds[2];

    CHECK(pipe(fds) == 0);
    for (unsigned i = 0; !stop; i++) {
        CHECK(mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at);
        memset(at, 'x', bytes);
        CHECK(write(fds[1], at + i % pages_each * page, 9) == 9 && read(fds[0], at, 9) == 9);
        CHECK(mprotect(at, bytes / 2, i % 2 ? PROT_READ : PROT_NONE) == 0);
        CHECK(madvise(at + bytes / 2, bytes / 4, MADV_DONTNEED) == 0);
        CHECK(munmap(at + bytes / 4, bytes / 4) == 0);
        rounds++;
    }
    CHECK(close(fds[0]) == 0 && close(fds[1]) == 0);
    return NULL;
}

static void* has_children(void* arg)
{
    (void)arg;
    while (!stop) {
        int status = 0;
        pid_t pid = fork();

        CHECK(pid >= 0);
        if (pid == 0)
            _exit(0);
        CHECK(waitpid(pid, &status, 0) == pid && status == 0);
        forks++;
    }
    return NULL;
}

int main(int argc, char** argv)
{
    pthread_t all[threads + 1];
    FILE* file;

    CHECK(argc > 1);
    area = mmap(NULL, (size_t)threads * pages_each * page, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(area != MAP_FAILED);
    for (size_t i = 0; i < threads; i++)
        CHECK(pthread_create(&all[i], NULL, stirs, (void*)i) == 0);
    CHECK(pthread_create(&all[threads], NULL, has_children, NULL) == 0);
    file = fopen(argv[1], "w");
    CHECK(file != NULL && fprintf(file, "%d %p %d\n", getpid(), (void*)area, threads * pages_each) > 0);
    CHECK(fclose(file) == 0);
    sleep(argc > 2 ? (unsigned)atoi(argv[2]) : 2);
    stop = 1;
    for (int i = 0; i <= threads; i++)
        CHECK(pthread_join(all[i], NULL) == 0);
    CHECK(rounds > 0 && forks > 0);
    printf("ok asked_storm: %ld rounds, %ld forks\n", rounds, forks);
    return 0;
}
