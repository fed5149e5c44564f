// SPDX-License-Identifier: BSD-2-Clause
// A thread that fails, and what gdb is to find of the others in the core.
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

static __thread int mine;
static int word, pipes[2], started;

__attribute__((noinline)) static void computes(int depth)
{
    volatile long local = 100 + depth;
    mine = 1;
    if (depth < 3) {
        computes(depth + 1);
        local++;
        return;
    }
    register double in_register asm("xmm7") = 1.5;
    __atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
    while (local != 0)
        asm volatile("nop" ::"x"(in_register));
}

__attribute__((noinline)) static void waits(void)
{
    mine = 2;
    __atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
    for (;;)
        syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, 0);
}

__attribute__((noinline)) static void reads(void)
{
    char c;
    mine = 3;
    __atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
    while (read(pipes[0], &c, 1) != 1)
        ;
}

static void* first(void* a)
{
    computes(0);
    return a;
}

static void* second(void* a)
{
    waits();
    return a;
}

static void* third(void* a)
{
    reads();
    return a;
}

__attribute__((noinline)) static void fails(void)
{
    volatile int local = 4711;
    mine = 4;
    while (__atomic_load_n(&started, __ATOMIC_SEQ_CST) != 3)
        usleep(1000);
    sleep(1);
    *(volatile int*)16 = local;
}

int main(void)
{
    pthread_t t;
    if (pipe(pipes))
        return 1;
    pthread_create(&t, 0, first, 0);
    pthread_create(&t, 0, second, 0);
    pthread_create(&t, 0, third, 0);
    fails();
    return 0;
}
