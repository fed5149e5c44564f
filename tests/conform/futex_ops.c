// SPDX-License-Identifier: BSD-2-Clause
// Plain futex operations: what they return, and their errors.
// covers: futex
#include "show.h"

#include <linux/futex.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint32_t word, other;
static struct timespec soon = {0, 20000000}, bad = {0, 1000000000}, negative = {-1, 0}, past = {1, 0};
static int sleeping;

static long futex(void* a, int op, unsigned value, void* t, void* b, unsigned value3)
{
    return syscall(SYS_futex, a, op, value, t, b, value3);
}

static void* sleeper(void* bits)
{
    __atomic_fetch_add(&sleeping, 1, __ATOMIC_SEQ_CST);
    futex(&word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, 0, NULL, NULL, (unsigned)(uintptr_t)bits);
    return NULL;
}

// So that each sleeps for certain.
static void start(pthread_t* t, int count, unsigned bits)
{
    sleeping = 0;
    for (int i = 0; i < count; i++)
        MUST(pthread_create(&t[i], NULL, sleeper, (void*)(uintptr_t)bits) == 0);
    while (__atomic_load_n(&sleeping, __ATOMIC_SEQ_CST) != count)
        usleep(1000);
    usleep(100000);
}

static void errors(void)
{
    char* page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    SHOW(futex(&word, FUTEX_WAIT, 1, NULL, NULL, 0));
    SHOW(futex(&word, FUTEX_WAIT, 0, &soon, NULL, 0));
    SHOW(futex(&word, FUTEX_WAIT, 0, &bad, NULL, 0));
    SHOW(futex(&word, FUTEX_WAIT, 0, &negative, NULL, 0));
    SHOW(futex(&word, FUTEX_WAIT, 0, (void*)8, NULL, 0));
    SHOW(futex(&word, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 0, &soon, NULL, 0));
    SHOW(futex(&word, FUTEX_WAIT_BITSET, 0, &past, NULL, ~0u));
    SHOW(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &past, NULL, ~0u));
    SHOW(futex(&word, FUTEX_WAIT_BITSET, 0, &soon, NULL, 0));
    SHOW(futex(&word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0));
    SHOW(futex((char*)&word + 1, FUTEX_WAIT, 0, NULL, NULL, 0));
    SHOW(futex((char*)&word + 2, FUTEX_WAKE, 1, NULL, NULL, 0));
    SHOW(futex(NULL, FUTEX_WAIT, 0, NULL, NULL, 0));
    SHOW(futex(NULL, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, NULL, NULL, 0));
    SHOW(futex(NULL, FUTEX_WAKE, 1, NULL, NULL, 0));
    SHOW(futex(NULL, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0));
    SHOW(futex(page, FUTEX_WAIT, 0, NULL, NULL, 0));
    SHOW(futex(page, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0));
    SHOW(futex((void*)0xffff800000000000, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0));
    SHOW(futex(&word, FUTEX_FD, 0, NULL, NULL, 0));
    SHOW(futex(&word, 99, 0, NULL, NULL, 0));
    SHOW(futex(&word, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1, NULL, NULL, 0));
    SHOW(futex(&word, FUTEX_REQUEUE, (unsigned)-1, (void*)1, &other, 0));
    SHOW(futex(&word, FUTEX_REQUEUE, 1, (void*)-1, &other, 0));
    SHOW(futex(&word, FUTEX_CMP_REQUEUE, 1, (void*)1, &other, 7));
    SHOW(futex(&word, FUTEX_CMP_REQUEUE, 1, (void*)1, (char*)&other + 1, 0));
}

static void counts(void)
{
    pthread_t t[5];
    start(t, 5, ~0u);
    SHOW(futex(&word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 0, NULL, NULL, 0)); // wakes one
    SHOW(futex(&word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 2, NULL, NULL, 0));
    SHOW(futex(&word, FUTEX_REQUEUE | FUTEX_PRIVATE_FLAG, 1, (void*)1, &other, 0));
    SHOW(futex(&word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 9, NULL, NULL, 0));
    SHOW(futex(&other, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 9, NULL, NULL, 0));
    for (int i = 0; i < 5; i++)
        pthread_join(t[i], NULL);

    start(t, 4, ~0u);
    SHOW(futex(&word, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG, 0, (void*)2, &other, 0));
    SHOW(futex(&other, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG, 1, (void*)0, &word, 0));
    SHOW(futex(&word, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG, 1, (void*)100, &word, 0));
    SHOW(futex(&word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 9, NULL, NULL, 0));
    SHOW(futex(&other, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 9, NULL, NULL, 0));
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);

    start(t, 2, 4);
    SHOW(futex(&word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG, 9, NULL, NULL, 3));
    SHOW(futex(&word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG, 9, NULL, NULL, 12));
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
}

static void wake_op(unsigned op, uint32_t first)
{
    pthread_t t[2];
    start(t, 2, ~0u);
    other = first;
    const long woken = futex(&other, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 1, (void*)1, &word, 0);
    (void)woken;
    futex(&word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 9, NULL, NULL, 0);
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    printf("op %x on %u: %ld", op, first,
           futex(&word, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 1, (void*)1, &other, op));
    printf(", now %u\n", other);
    word = 0;
}

int main(void)
{
    errors();
    counts();
    static const unsigned ops[] = {
        FUTEX_OP(FUTEX_OP_SET, 5, FUTEX_OP_CMP_EQ, 3),
        FUTEX_OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_NE, 3),
        FUTEX_OP(FUTEX_OP_OR, 4, FUTEX_OP_CMP_LT, 3),
        FUTEX_OP(FUTEX_OP_ANDN, 1, FUTEX_OP_CMP_LE, 3),
        FUTEX_OP(FUTEX_OP_XOR, 0xfff, FUTEX_OP_CMP_GT, 3),
        FUTEX_OP(FUTEX_OP_SET, 0xfff, FUTEX_OP_CMP_GE, 3),
        FUTEX_OP((FUTEX_OP_ADD | 8), 4, FUTEX_OP_CMP_EQ, 0xfff),
        FUTEX_OP(7, 4, FUTEX_OP_CMP_EQ, 3),
    };
    for (unsigned i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
        wake_op(ops[i], 3);
    return 0;
}
