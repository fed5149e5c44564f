/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads and processes: made, switched between, talked to. */
#include "micro.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

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

static void fork_exit_1g_start(void)
{
    buffer = memory(1024 * (size_t)mib);
    touch(buffer, 1024 * (size_t)mib);
}

static void spawn(long n)
{
    char* const argv[] = {(char*)program, NULL};

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

/* --- among many that wait --- */

static void* waits(void* arg)
{
    static int never;

    for (;;)
        syscall(SYS_futex, &never, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    return arg;
}

static void start_among_2k(void)
{
    pthread_attr_t small;
    pthread_t t;

    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 32 * 1024);
    for (int i = 0; i < 2000; i++)
        need(pthread_create(&t, &small, waits, NULL) == 0, "pthread_create");
    pthread_attr_destroy(&small);
}

static void start_futex_among_2k(void)
{
    start_among_2k();
    start_futex();
}

/* --- two processes --- */

static int to_child[2], from_child[2];

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

/* Through a pipe, in pieces that fit into it: the other reads what we write. */
static void start_reader(void)
{
    char* into = memory(64 * 1024);
    char c;

    buffer = memory(mib);
    touch(buffer, mib);
    need(pipe(to_child) == 0 && pipe(from_child) == 0, "pipe");
    child = fork();
    if (child == 0) {
        close(to_child[1]);
        while (read(to_child[0], into, 64 * 1024) > 0)
            ;
        _exit((int)write(from_child[1], &c, 0));
    }
}

static void pipe_bytes(long n, size_t bytes)
{
    while (n--)
        for (size_t done = 0; done < bytes;) {
            ssize_t part = write(to_child[1], buffer + done, bytes - done);

            need(part > 0, "write");
            done += (size_t)part;
        }
}

static void pipe_4k(long n)
{
    pipe_bytes(n, page);
}

static void pipe_64k(long n)
{
    pipe_bytes(n, 64 * 1024);
}

static void pipe_1m(long n)
{
    pipe_bytes(n, mib);
}

/* Through shared memory: copied in by one process, out by the other, which run by turns. */
static struct exchange {
    atomic_long turn;
    size_t bytes;
    char data[mib];
}* shared;

static void take_turns(long mine, char* to, const char* from)
{
    while (atomic_load(&shared->turn) % 2 != mine)
        sched_yield();
    memcpy(to, from, shared->bytes);
    atomic_fetch_add(&shared->turn, 1);
}

static void start_sharing(size_t bytes)
{
    buffer = memory(mib);
    touch(buffer, mib);
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    need(shared != MAP_FAILED, "mmap");
    touch((char*)shared, sizeof(*shared));
    shared->bytes = bytes;
    child = fork();
    if (child == 0) {
        touch(buffer, mib);
        touch((char*)shared->data, mib);
        for (;;)
            take_turns(1, buffer, shared->data);
    }
}

static void start_shm_4k(void)
{
    start_sharing(page);
}

static void start_shm_64k(void)
{
    start_sharing(64 * 1024);
}

static void start_shm_1m(void)
{
    start_sharing(mib);
}

static void shm_round(long n)
{
    while (n--)
        take_turns(0, shared->data, buffer);
}

void stop_child(void)
{
    if (child > 0)
        kill(child, SIGKILL);
}

const struct operation task_operations[] = {
    {"fork_exit", fork_exit, NULL, NULL},
    {"fork_exit_256m", fork_exit, fork_exit_256m_start, NULL},
    {"fork_exit_1g", fork_exit, fork_exit_1g_start, NULL},
    {"spawn", spawn, NULL, NULL},
    {"thread", thread, NULL, NULL},
    {"yield_switch", yield_switch, start_yielder, NULL},
    {"futex_switch", futex_switch, start_futex, NULL},
    {"pipe", pipe_round, start_pipe, NULL},
    {"vm_read_4k", vm_read_4k, start_peer, NULL},
    {"vm_read_64k", vm_read_64k, start_peer, NULL},
    {"vm_read_1m", vm_read_1m, start_peer, NULL},
    {"pipe_4k", pipe_4k, start_reader, NULL},
    {"pipe_64k", pipe_64k, start_reader, NULL},
    {"pipe_1m", pipe_1m, start_reader, NULL},
    {"shm_4k", shm_round, start_shm_4k, NULL},
    {"shm_64k", shm_round, start_shm_64k, NULL},
    {"shm_1m", shm_round, start_shm_1m, NULL},
    {"thread_among_2k", thread, start_among_2k, NULL},
    {"futex_among_2k", futex_switch, start_futex_among_2k, NULL},
    {NULL, NULL, NULL, NULL},
};
