/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * micro NAME [SAMPLES]: what one operation takes, as a plain Linux program sees it. Prints a number a line, one for
 * each sample: nanoseconds of CLOCK_MONOTONIC for one operation, the mean of as many as fit into two milliseconds.
 * micro --list names them. Run it on one CPU (taskset, mcexec): what needs two threads or processes then switches
 * between them.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { page = 4096, mib = 1 << 20, default_samples = 25 };
static const double shortest_sample = 2e6; /* ns */

extern char** environ;

static void need(int there, const char* what)
{
    if (!there) {
        fprintf(stderr, "micro: %s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static char* memory(size_t bytes)
{
    char* at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    need(at != MAP_FAILED, "mmap");
    return at;
}

static void touch(char* at, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += page)
        ((volatile char*)at)[i] = 1;
}

/* --- calls --- */

static void getpid_(long n)
{
    while (n--)
        syscall(SYS_getpid);
}

static void yield_alone(long n)
{
    while (n--)
        sched_yield();
}

static void clock_(long n)
{
    struct timespec t;

    while (n--)
        clock_gettime(CLOCK_MONOTONIC, &t);
}

static void wake_nobody(long n)
{
    static int word;

    while (n--)
        syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void empty(long n)
{
    while (n--)
        syscall(SYS_lseek, -1, 0, 0);
}

static int file = -1;
static char* buffer;

static void open_null(void)
{
    file = open("/dev/null", O_WRONLY);
    buffer = memory(page);
    touch(buffer, page);
}

static void write_4k(long n)
{
    while (n--)
        need(write(file, buffer, page) == page, "write");
}

static void open_file(void)
{
    char name[] = "/tmp/microXXXXXX";

    buffer = memory(mib);
    touch(buffer, mib);
    file = mkstemp(name);
    need(file >= 0 && write(file, buffer, mib) == mib, name);
    unlink(name);
}

static void pread_1m(long n)
{
    while (n--)
        need(pread(file, buffer, mib, 0) == mib, "pread");
}

static void open_close(long n)
{
    while (n--)
        close(open("/dev/null", O_RDONLY));
}

/* --- processes and threads --- */

static void fork_exit(long n)
{
    while (n--) {
        pid_t pid = fork();

        if (pid == 0)
            _exit(0);
        need(pid > 0 && waitpid(pid, NULL, 0) == pid, "fork");
    }
}

static void fork_exit_256m_start(void)
{
    buffer = memory(256 * (size_t)mib);
    touch(buffer, 256 * (size_t)mib);
}

static void spawn(long n)
{
    char* const argv[] = {"/bin/true", NULL};

    while (n--) {
        pid_t pid;

        need(posix_spawn(&pid, argv[0], NULL, NULL, argv, environ) == 0, argv[0]);
        need(waitpid(pid, NULL, 0) == pid, "waitpid");
    }
}

static void* nothing(void* arg)
{
    return arg;
}

static void thread(long n)
{
    while (n--) {
        pthread_t t;

        need(pthread_create(&t, NULL, nothing, NULL) == 0, "pthread_create");
        pthread_join(t, NULL);
    }
}

/* --- two threads on one CPU --- */

static atomic_int word;

static void* yields(void* arg)
{
    for (;;)
        sched_yield();
    return arg;
}

static void start_yielder(void)
{
    pthread_t t;

    need(pthread_create(&t, NULL, yields, NULL) == 0, "pthread_create");
}

/* Each of ours is one there and one back. */
static void yield_switch(long n)
{
    while (n--)
        sched_yield();
}

static void pass(int mine, int theirs)
{
    atomic_store(&word, theirs);
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    while (atomic_load(&word) != mine)
        syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, theirs, NULL, NULL, 0);
}

static void* futex_other(void* arg)
{
    while (atomic_load(&word) != 1)
        syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    for (;;)
        pass(1, 0);
    return arg;
}

static void start_futex(void)
{
    pthread_t t;

    need(pthread_create(&t, NULL, futex_other, NULL) == 0, "pthread_create");
    pass(0, 1);
}

static void futex_switch(long n)
{
    while (n--)
        pass(0, 1);
}

/* --- two processes --- */

static int to_child[2], from_child[2];
static pid_t child;

static void start_pipe(void)
{
    char c;

    need(pipe(to_child) == 0 && pipe(from_child) == 0, "pipe");
    child = fork();
    if (child == 0) {
        close(to_child[1]);
        while (read(to_child[0], &c, 1) == 1)
            if (write(from_child[1], &c, 1) != 1)
                break;
        _exit(0);
    }
}

static void pipe_round(long n)
{
    char c = 0;

    while (n--)
        need(write(to_child[1], &c, 1) == 1 && read(from_child[0], &c, 1) == 1, "pipe");
}

static void start_peer(void)
{
    buffer = memory(2 * mib);
    touch(buffer, 2 * mib);
    start_pipe();
    pipe_round(1);
}

/* Out of the child's copy into ours, which is one of our own: the first write made it so. */
static void vm_read(long n, size_t bytes)
{
    struct iovec here = {buffer, bytes}, there = {buffer + 64, bytes};

    while (n--)
        need(process_vm_readv(child, &here, 1, &there, 1, 0) == (ssize_t)bytes, "process_vm_readv");
}

static void vm_read_4k(long n)
{
    vm_read(n, page);
}

static void vm_read_64k(long n)
{
    vm_read(n, 64 * 1024);
}

static void vm_read_1m(long n)
{
    vm_read(n, mib);
}

/* --- memory --- */

/* Pages of 4 KiB natively: huge pages have a row of their own. */
static void page_fault(long n)
{
    size_t bytes = (size_t)n * page;
    char* at = memory(bytes);

    madvise(at, bytes, MADV_NOHUGEPAGE);
    touch(at, bytes);
    munmap(at, bytes);
}

static void mmap_touch_munmap(long n, size_t bytes)
{
    while (n--) {
        char* at = memory(bytes);

        touch(at, bytes);
        munmap(at, bytes);
    }
}

static void mmap_4k(long n)
{
    mmap_touch_munmap(n, page);
}

static void mmap_256m(long n)
{
    mmap_touch_munmap(n, 256 * (size_t)mib);
}

static const struct operation {
    const char* name;
    void (*run)(long n);
    void (*start)(void);
} operations[] = {
    {"getpid", getpid_, NULL},
    {"sched_yield", yield_alone, NULL},
    {"clock_gettime", clock_, NULL},
    {"futex_wake_nobody", wake_nobody, NULL},
    {"empty_call", empty, NULL},
    {"write_4k", write_4k, open_null},
    {"pread_1m", pread_1m, open_file},
    {"open_close", open_close, NULL},
    {"fork_exit", fork_exit, NULL},
    {"fork_exit_256m", fork_exit, fork_exit_256m_start},
    {"spawn_true", spawn, NULL},
    {"thread", thread, NULL},
    {"yield_switch", yield_switch, start_yielder},
    {"futex_switch", futex_switch, start_futex},
    {"pipe", pipe_round, start_pipe},
    {"vm_read_4k", vm_read_4k, start_peer},
    {"vm_read_64k", vm_read_64k, start_peer},
    {"vm_read_1m", vm_read_1m, start_peer},
    {"page_fault", page_fault, NULL},
    {"mmap_4k", mmap_4k, NULL},
    {"mmap_256m", mmap_256m, NULL},
};
enum { num_operations = sizeof(operations) / sizeof(operations[0]) };

static double ns_of(const struct operation* op, long n)
{
    double start = now();

    op->run(n);
    return now() - start;
}

static void measure(const struct operation* op, int samples)
{
    long n = 1;

    if (op->start != NULL)
        op->start();
    op->run(1);
    while (n < 1 << 22 && ns_of(op, n) < shortest_sample)
        n *= 2;
    for (int i = 0; i < samples; i++)
        printf("%.1f\n", ns_of(op, n) / (double)n);
}

int main(int argc, char** argv)
{
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (int i = 0; i < num_operations; i++)
            puts(operations[i].name);
        return 0;
    }
    for (int i = 0; argc > 1 && i < num_operations; i++) {
        if (strcmp(operations[i].name, argv[1]) == 0) {
            measure(&operations[i], argc > 2 ? atoi(argv[2]) : default_samples);
            fflush(stdout);
            if (child > 0)
                close(to_child[1]);
            _exit(0); /* a second thread may be at it still */
        }
    }
    fprintf(stderr, "usage: micro NAME [SAMPLES]; micro --list names the operations\n");
    return 2;
}
