// SPDX-License-Identifier: BSD-2-Clause
// LeakSanitizer in programs that were built with -fsanitize=address, as it looks for leaks when a process ends: exit
// status and what it says, with one thread and with several that hold what they have in registers, on stacks and in
// thread-local variables.
#include "show.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int __lsan_do_recoverable_leak_check(void);
void __sanitizer_set_report_fd(void* fd);

enum { THREADS = 3, PIECES = 5 };

static pthread_barrier_t ready, done;
static __thread void* mine;

static void __attribute__((noinline)) leak(size_t bytes)
{
    void* volatile lost = malloc(bytes);
    lost = NULL;
    (void)lost;
}

// What LeakSanitizer says without addresses and numbers of processes.
static void show_report(int fd)
{
    FILE* report = fdopen(fd, "r");
    char line[512];

    rewind(report);
    while (fgets(line, sizeof line, report))
        if (strstr(line, "leak of") || strstr(line, "SUMMARY") || strstr(line, "fatal"))
            printf("  %s", line);
    fclose(report);
}

static void* hold(void* arg)
{
    char* on_stack = malloc(1000 + (size_t)arg);

    mine = malloc(2000 + (size_t)arg);
    pthread_barrier_wait(&ready);
    pthread_barrier_wait(&done);
    free(on_stack);
    free(mine);
    return NULL;
}

static void* compute(void* arg)
{
    volatile int* stop = arg;
    unsigned long x = 1;

    pthread_barrier_wait(&ready);
    while (!*stop)
        x = x * 25214903917 + 11;
    return (void*)(x & 1);
}

static void ends_with(const char* what, void (*run)(void))
{
    int report = memfd_create("report", 0), status;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        __sanitizer_set_report_fd((void*)(long)report);
        run();
        exit(0);
    }
    waitpid(pid, &status, 0);
    printf("%s: %s %d\n", what, WIFEXITED(status) ? "exit" : "signal",
           WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    show_report(report);
}

static void nothing(void) {}

static void one_leak(void)
{
    leak(1234);
}

static void leaks(void)
{
    for (int i = 0; i < PIECES; i++)
        leak(100);
}

static void threads(void)
{
    pthread_t thread[THREADS], busy;
    volatile int stop = 0;

    pthread_barrier_init(&ready, NULL, THREADS + 2);
    pthread_barrier_init(&done, NULL, THREADS + 1);
    for (size_t i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, hold, (void*)i);
    pthread_create(&busy, NULL, compute, (void*)&stop);
    pthread_barrier_wait(&ready);
    for (int i = 0; i < 3; i++)
        printf("held by threads: %d\n", __lsan_do_recoverable_leak_check());
    stop = 1;
    pthread_join(busy, NULL);
    pthread_barrier_wait(&done);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    printf("given back: %d\n", __lsan_do_recoverable_leak_check());
    fflush(stdout);
}

static void threads_and_leak(void)
{
    threads();
    leak(77);
}

static void while_threads_wait(void)
{
    pthread_t thread;

    pthread_barrier_init(&ready, NULL, 2);
    pthread_barrier_init(&done, NULL, 2);
    pthread_create(&thread, NULL, hold, NULL);
    pthread_barrier_wait(&ready);
    leak(88);
}

int main(void)
{
    ends_with("no leak", nothing);
    ends_with("a leak", one_leak);
    ends_with("leaks", leaks);
    ends_with("threads", threads);
    ends_with("threads and a leak", threads_and_leak);
    ends_with("a leak while a thread waits", while_threads_wait);
    return 0;
}
