/* SPDX-License-Identifier: BSD-2-Clause */
/* asker FILE: asks for the memory of the process that asked_storm wrote to FILE, natively and in every way that Linux
 * has, until that process ends: process_vm_readv and _writev, /proc/PID/mem, ptrace. */
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
static int pages_there;
static atomic_int stop;
static atomic_long got, asked;

static unsigned char* anywhere(unsigned* state)
{
    *state = *state * 1103515245u + 12345u;
    return area + (size_t)((*state >> 8) % (unsigned)(pages_there - 2)) * page;
}

static void* by_process_vm(void* arg)
{
    unsigned state = 1;
    char buffer[3 * page];

    while (!stop) {
        struct iovec mine = {buffer, sizeof(buffer)}, theirs = {anywhere(&state), sizeof(buffer)};

        asked++;
        got += (arg ? process_vm_writev(target, &mine, 1, &theirs, 1, 0)
                    : process_vm_readv(target, &mine, 1, &theirs, 1, 0)) > 0;
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
        const off_t at = (off_t)(size_t)anywhere(&state);

        asked++;
        got += (state & 256 ? pread(fd, buffer, page, at) : pwrite(fd, buffer, 16, at)) > 0;
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
                errno = 0;
                asked++;
                ptrace(PTRACE_PEEKDATA, target, anywhere(&state), NULL);
                got += errno == 0;
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
    for (int i = 0; i < 600 && (!file || fscanf(file, "%d %p %d", &target, (void**)&area, &pages_there) != 3);
         i++) {
        if (file)
            fclose(file);
        nanosleep(&(struct timespec){0, 50000000}, NULL);
        file = fopen(argv[1], "r");
    }
    CHECK(file && pages_there > 0);
    CHECK(pthread_create(&threads[0], NULL, by_process_vm, NULL) == 0);
    CHECK(pthread_create(&threads[1], NULL, by_process_vm, file) == 0);
    CHECK(pthread_create(&threads[2], NULL, by_proc_mem, NULL) == 0);
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
