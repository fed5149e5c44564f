/* SPDX-License-Identifier: BSD-2-Clause */
/* asker FILE [leave]: asks for the memory of the process that asked_storm, leaf_storm or whole_storm wrote to FILE,
 * natively and in every way that Linux has, until that process ends: process_vm_readv and _writev, /proc/PID/mem,
 * ptrace (which is left to another with "leave"). Where pages hold stamps it verifies them, and writes no others. */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { page = 4096 };

static pid_t target;
static unsigned char* area;
static size_t pages_there, period; /* of stamps; 0: anything may be written */
static atomic_int stop;
static atomic_long got, asked;

static unsigned char* anywhere(unsigned* state)
{
    *state = *state * 1103515245u + 12345u;
    return area + (size_t)(*state >> 8) * 7919 % (pages_there - 2) * page;
}

static unsigned stamp_of(const unsigned char* at)
{
    return 1 + (unsigned)((size_t)(at - area) / page % period % 65521);
}

static void verify(const unsigned char* at, unsigned found)
{
    if (period != 0 && found != 0 && found != stamp_of(at))
        fprintf(stderr, "at +%zx: %x in place of %x\n", (size_t)(at - area), found, stamp_of(at));
    CHECK(period == 0 || found == 0 || found == stamp_of(at));
}

/* Many pages in one call, as far as they are there. */
static void* by_process_vm(void* arg)
{
    enum { most = 64, window = 512 };
    static char buffers[2][3 * page];
    char* buffer = buffers[arg != NULL];
    unsigned state = arg ? 1 : 9;

    while (!stop) {
        struct iovec mine[most], theirs[most];
        unsigned stamps[most];
        const int count = period ? most : 1;
        const size_t first = (size_t)(anywhere(&state) - area) / page / window * window;

        for (int i = 0; i < count; i++) {
            /* Not too far from each other, since it ends where one is missing. */
            size_t beside = first + (size_t)(anywhere(&state) - area) / page % window;
            unsigned char* at = area + (beside < pages_there - 2 ? beside : first) * page;

            stamps[i] = period && arg ? stamp_of(at) : 0;
            mine[i] = period ? (struct iovec){&stamps[i], 4} : (struct iovec){buffer, 3 * page};
            theirs[i] = (struct iovec){at, mine[i].iov_len};
        }
        const ssize_t done =
            arg ? process_vm_writev(target, mine, (unsigned)count, theirs, (unsigned)count, 0)
                : process_vm_readv(target, mine, (unsigned)count, theirs, (unsigned)count, 0);
        for (int i = 0; period && i < done / 4; i++)
            verify(theirs[i].iov_base, stamps[i]);
        asked += period && done > 0 ? done / 4 : 1;
        got += done > 0;
    }
    return NULL;
}

static void* by_proc_mem(void* arg)
{
    char name[64], buffer[page];
    unsigned state = 2;
    int fd;

    (void)arg;
    snprintf(name, sizeof(name), "/proc/%d/mem", target);
    fd = open(name, O_RDWR);
    CHECK(fd >= 0);
    while (!stop) {
        unsigned char* at = anywhere(&state);
        unsigned stamp = period ? stamp_of(at) : 1;

        asked++;
        if (state & 256) {
            if (pread(fd, buffer, page, (off_t)(size_t)at) <= 0)
                continue;
            memcpy(&stamp, buffer, sizeof(stamp));
            verify(at, stamp);
        } else if (pwrite(fd, &stamp, sizeof(stamp), (off_t)(size_t)at) <= 0) {
            continue;
        }
        got++;
    }
    return NULL;
}

/* As gdb does: stops it, looks, lets it go. */
static void by_ptrace(void)
{
    unsigned state = 3;

    while (kill(target, 0) == 0) {
        int status;

        if (ptrace(PTRACE_SEIZE, target, NULL, NULL) != 0)
            break;
        if (ptrace(PTRACE_INTERRUPT, target, NULL, NULL) == 0 && waitpid(target, &status, __WALL) == target &&
            WIFSTOPPED(status)) {
            for (int i = 0; i < 20; i++) {
                unsigned char* at = anywhere(&state);

                errno = 0;
                asked++;
                const long word = ptrace(PTRACE_PEEKDATA, target, at, NULL);
                got += errno == 0;
                verify(at, errno == 0 ? (unsigned)word : 0);
            }
            ptrace(PTRACE_DETACH, target, NULL, (void*)0);
        } else {
            break; /* it has ended, or is about to */
        }
        nanosleep(&(struct timespec){0, 20000000}, NULL);
    }
}

int main(int argc, char** argv)
{
    pthread_t threads[3];
    FILE* file = NULL;

    CHECK(argc > 1);
    for (int i = 0; i < 600 && (!file || fscanf(file, "%d %p %zu %zu", &target, (void**)&area, &pages_there,
                                                &period) != 4);
         i++) {
        if (file)
            fclose(file);
        nanosleep(&(struct timespec){0, 50000000}, NULL);
        file = fopen(argv[1], "r");
    }
    CHECK(file && pages_there > 2);
    CHECK(pthread_create(&threads[0], NULL, by_process_vm, NULL) == 0);
    CHECK(pthread_create(&threads[1], NULL, by_process_vm, file) == 0);
    CHECK(pthread_create(&threads[2], NULL, by_proc_mem, NULL) == 0);
    if (argc == 2)
        by_ptrace();
    while (kill(target, 0) == 0)
        nanosleep(&(struct timespec){0, 50000000}, NULL);
    stop = 1;
    for (int i = 0; i < 3; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(asked > 0 && got > 0);
    printf("ok asker: %ld asked, %ld got\n", asked, got);
    return 0;
}
