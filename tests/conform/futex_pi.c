// SPDX-License-Identifier: BSD-2-Clause
// PI futexes: the word as the kernel leaves it, errors, hand-over, timeouts, owners that die, requeueing.
// covers: futex, set_robust_list
#include "show.h"

#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint32_t lock, cond;

static long futex(void* a, int op, unsigned value, void* t, void* b, unsigned value3)
{
    return syscall(SYS_futex, a, op | FUTEX_PRIVATE_FLAG, value, t, b, value3);
}

static void show_word(const char* what)
{
    const uint32_t tid = lock & FUTEX_TID_MASK;
    printf("%s: %s%s%s\n", what,
           tid == 0                    ? "free"
           : tid == (uint32_t)gettid() ? "mine"
                                       : "another's",
           lock & FUTEX_WAITERS ? " waiters" : "", lock & FUTEX_OWNER_DIED ? " owner died" : "");
}

static struct timespec after(clockid_t clock, long ms)
{
    struct timespec t;
    clock_gettime(clock, &t);
    t.tv_nsec += ms * 1000000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

static void* waiter(void* unused)
{
    SHOW(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    show_word("waiter has it");
    SHOW(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    return unused;
}

static void* leaver(void* unused)
{
    SHOW(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    usleep(200000);
    return unused; // without unlocking
}

static void* impatient(void* unused)
{
    struct timespec real = after(CLOCK_REALTIME, 30), mono = after(CLOCK_MONOTONIC, 30), bad = {0, -1};
    SHOW(futex(&lock, FUTEX_LOCK_PI, 0, &real, NULL, 0));
    SHOW(futex(&lock, FUTEX_LOCK_PI2, 0, &mono, NULL, 0));
    real = after(CLOCK_REALTIME, 30);
    SHOW(futex(&lock, FUTEX_LOCK_PI2 | FUTEX_CLOCK_REALTIME, 0, &real, NULL, 0));
    SHOW(futex(&lock, FUTEX_LOCK_PI, 0, &bad, NULL, 0));
    SHOW(futex(&lock, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
    SHOW(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    return unused;
}

// Says nothing: whose line comes first is nobody's promise.
static int has_it, had_waiters, unlocked;

static void* requeued(void* unused)
{
    const long woken = futex(&cond, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &lock, 0);
    has_it += woken == 0 && (lock & FUTEX_TID_MASK) == (uint32_t)gettid();
    had_waiters += (lock & FUTEX_WAITERS) != 0;
    const long unlock = futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
    __atomic_fetch_add(&unlocked, unlock == 0, __ATOMIC_SEQ_CST);
    return unused;
}

static void show_requeued(void)
{
    printf("requeued: %d had it, %d with waiters, %d unlocked it\n", has_it, had_waiters, unlocked);
}

static void run(void* (*f)(void*), pthread_t* t)
{
    MUST(pthread_create(t, NULL, f, NULL) == 0);
    usleep(80000);
}

static void basics(void)
{
    pthread_t t;
    SHOW(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    SHOW(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    show_word("locked");
    SHOW(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    SHOW(futex(&lock, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
    SHOW(futex((char*)&lock + 1, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    SHOW(futex(NULL, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    SHOW(futex(NULL, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    run(waiter, &t);
    show_word("with a waiter");
    SHOW(futex(&lock, FUTEX_WAKE, 1, NULL, NULL, 0));
    SHOW(futex(&lock, FUTEX_REQUEUE, 1, (void*)1, &cond, 0));
    futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
    pthread_join(t, NULL);
    show_word("after both");
    lock = 0x3ffffff0; // nobody
    SHOW(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    SHOW(futex(&lock, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
    lock = FUTEX_OWNER_DIED;
    SHOW(futex(&lock, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
    show_word("taken from the dead");
    run(impatient, &t);
    pthread_join(t, NULL);
    show_word("after the impatient");
    lock = 0;
}

static void death(void)
{
    pthread_t t;
    run(leaver, &t);
    show_word("before the owner goes");
    SHOW(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    show_word("inherited");
    pthread_join(t, NULL);
    SHOW(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    show_word("unlocked");
}

static void requeue(void)
{
    pthread_t t[3];
    struct timespec soon = after(CLOCK_MONOTONIC, 30);
    SHOW(futex(&cond, FUTEX_WAIT_REQUEUE_PI, 1, NULL, &lock, 0));
    SHOW(futex(&cond, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &cond, 0));
    SHOW(futex(&cond, FUTEX_WAIT_REQUEUE_PI, 0, &soon, &lock, 0));
    SHOW(futex(&cond, FUTEX_CMP_REQUEUE_PI, 2, (void*)1, &lock, 0));
    SHOW(futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, (void*)1, &cond, 0));
    SHOW(futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, (void*)1, &lock, 5));
    SHOW(futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, (void*)1, &lock, 0));
    run(requeued, &t[0]);
    SHOW(futex(&cond, FUTEX_WAKE, 1, NULL, NULL, 0));
    SHOW(futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, (void*)0, &lock, 0));
    pthread_join(t[0], NULL);
    show_requeued();
    SHOW(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    for (int i = 0; i < 3; i++)
        run(requeued, &t[i]);
    SHOW(futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, (void*)100, &lock, 0));
    show_word("three wait");
    fflush(stdout);
    SHOW(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    show_word("after three");
    show_requeued();
}

static void* lock_and_go(void* m)
{
    pthread_mutex_lock(m);
    return NULL;
}

static void robust(int protocol)
{
    static pthread_mutex_t m;
    pthread_mutexattr_t a;
    pthread_t t;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setprotocol(&a, protocol);
    MUST(pthread_mutex_init(&m, &a) == 0);
    MUST(pthread_create(&t, NULL, lock_and_go, &m) == 0);
    pthread_join(t, NULL);
    printf("robust lock: %s\n", strerrorname_np(pthread_mutex_lock(&m)));
    printf("consistent: %d\n", pthread_mutex_consistent(&m));
    printf("unlock: %d\n", pthread_mutex_unlock(&m));
    MUST(pthread_create(&t, NULL, lock_and_go, &m) == 0);
    pthread_join(t, NULL);
    printf("robust trylock: %s\n", strerrorname_np(pthread_mutex_trylock(&m)));
    printf("unlock: %d\n", pthread_mutex_unlock(&m));
    printf("not recoverable: %s\n", strerrorname_np(pthread_mutex_lock(&m)));
}

static pthread_mutex_t pi_mutex;
static long counter;

static void* many(void* unused)
{
    for (int i = 0; i < 3000; i++) {
        pthread_mutex_lock(&pi_mutex);
        counter++;
        pthread_mutex_unlock(&pi_mutex);
    }
    return unused;
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    basics();
    death();
    requeue();
    robust(PTHREAD_PRIO_NONE);
    robust(PTHREAD_PRIO_INHERIT);
    pthread_mutexattr_t a;
    pthread_t t[6];
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&pi_mutex, &a);
    for (int i = 0; i < 6; i++)
        pthread_create(&t[i], NULL, many, NULL);
    for (int i = 0; i < 6; i++)
        pthread_join(t[i], NULL);
    printf("%ld\n", counter);
    return 0;
}
