// SPDX-License-Identifier: BSD-2-Clause
// The owner of a PI futex runs as urgently as its most urgent waiter: through chains, until it unlocks, and no longer
// than somebody waits. All on one CPU, so that priorities alone say who is next.
// covers: futex sched_setscheduler sched_getparam
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint32_t a, b, cond;
static sem_t has_a, has_b, go_low, go_middle;
static char said[1024];

static void say(const char* what)
{
    strcat(said, what); // one CPU, and nobody is preempted in here by another who says something
    strcat(said, "; ");
}

static long futex(uint32_t* word, int op, unsigned value, void* timeout, uint32_t* other, unsigned value3)
{
    return syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, timeout, other, value3);
}

static int lock(uint32_t* word)
{
    uint32_t nobody = 0;
    if (__atomic_compare_exchange_n(word, &nobody, (uint32_t)gettid(), 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        return 0;
    return futex(word, FUTEX_LOCK_PI, 0, NULL, NULL, 0) == 0 ? 0 : errno;
}

static void unlock(uint32_t* word)
{
    uint32_t own = (uint32_t)gettid();
    if (!__atomic_compare_exchange_n(word, &own, 0, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        futex(word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
}

static void settle(void)
{
    const struct timespec time = {0, 30000000};
    nanosleep(&time, NULL);
}

static pthread_t start(int policy, int priority, void* (*f)(void*))
{
    pthread_attr_t attr;
    struct sched_param param = {.sched_priority = priority};
    pthread_t t;
    pthread_attr_init(&attr);
    pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
    pthread_attr_setschedpolicy(&attr, policy);
    pthread_attr_setschedparam(&attr, &param);
    if (pthread_create(&t, &attr, f, NULL) != 0)
        say("no thread");
    return t;
}

static void* low(void* unused)
{
    lock(&a);
    sem_post(&has_a);
    sem_wait(&go_low);
    struct sched_param param;
    int policy = sched_getscheduler(0);
    sched_getparam(0, &param);
    char text[64];
    snprintf(text, sizeof(text), "low leaves A as policy %d, priority %d", policy, param.sched_priority);
    say(text);
    unlock(&a);
    say("low goes on");
    return unused;
}

static void* idle_low(void* unused)
{
    const struct sched_param param = {.sched_priority = 0};
    sched_setscheduler(0, SCHED_IDLE, &param);
    return low(unused);
}

static void* between(void* unused)
{
    lock(&b);
    sem_post(&has_b);
    lock(&a);
    say("between has A");
    unlock(&a);
    say("between leaves B");
    unlock(&b);
    say("between goes on");
    return unused;
}

static void* middle(void* unused)
{
    sem_wait(&go_middle);
    say("middle");
    return unused;
}

static void* high_for_a(void* unused)
{
    lock(&a);
    say("high has A");
    unlock(&a);
    return unused;
}

static void* high_for_b(void* unused)
{
    lock(&b);
    say("high has B");
    unlock(&b);
    return unused;
}

static void* high_for_a_shortly(void* unused)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 10000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    if (futex(&a, FUTEX_LOCK_PI, 0, &until, NULL, 0) != 0)
        say(strerrorname_np(errno));
    return unused;
}

static void* high_by_requeue(void* unused)
{
    const long got = futex(&cond, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &a, 0);
    say(got == 0 ? "high has A" : strerrorname_np(errno));
    unlock(&a);
    return unused;
}

// Everybody is in place: low and middle may go on, and all end.
static void finish(const char* what, pthread_t* threads, int count)
{
    settle();
    sem_post(&go_middle);
    sem_post(&go_low);
    for (int i = 0; i < count; ++i)
        pthread_join(threads[i], NULL);
    printf("%s: %s\n", what, said);
    said[0] = 0;
}

static void owner(const char* what, void* (*its)(void*), int priority, void* (*high)(void*),
                  int high_priority)
{
    pthread_t t[3];
    t[0] = start(priority != 0 ? SCHED_FIFO : SCHED_OTHER, priority, its);
    sem_wait(&has_a);
    t[1] = start(SCHED_FIFO, high_priority, high);
    t[2] = start(SCHED_FIFO, 20, middle);
    finish(what, t, 3);
}

static void chain(void)
{
    pthread_t t[4];
    t[0] = start(SCHED_FIFO, 10, low);
    sem_wait(&has_a);
    t[1] = start(SCHED_FIFO, 15, between);
    sem_wait(&has_b);
    t[2] = start(SCHED_FIFO, 30, high_for_b);
    t[3] = start(SCHED_FIFO, 20, middle);
    finish("a chain", t, 4);
}

static void raised(void)
{
    pthread_t t[3];
    const struct sched_param param = {.sched_priority = 30};
    t[0] = start(SCHED_FIFO, 10, low);
    sem_wait(&has_a);
    t[1] = start(SCHED_FIFO, 15, high_for_a);
    t[2] = start(SCHED_FIFO, 20, middle);
    settle();
    pthread_setschedparam(t[1], SCHED_FIFO, &param);
    finish("a waiter that is raised", t, 3);
}

static void requeued(void)
{
    pthread_t t[3];
    t[0] = start(SCHED_FIFO, 10, low);
    sem_wait(&has_a);
    t[1] = start(SCHED_FIFO, 30, high_by_requeue);
    t[2] = start(SCHED_FIFO, 20, middle);
    settle();
    printf("requeue: %ld\n", futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, (void*)1, &a, 0));
    finish("a waiter that is requeued", t, 3);
}

// Who is served next is who is the most urgent, not who came first.
static void* second(void* unused)
{
    lock(&a);
    struct sched_param param;
    sched_getparam(0, &param);
    char text[32];
    snprintf(text, sizeof(text), "priority %d", param.sched_priority);
    say(text);
    unlock(&a);
    return unused;
}

static void order(void)
{
    pthread_t t[4];
    const struct sched_param param = {.sched_priority = 25};
    lock(&a);
    t[0] = start(SCHED_FIFO, 11, second);
    t[1] = start(SCHED_FIFO, 13, second);
    t[2] = start(SCHED_FIFO, 12, second);
    t[3] = start(SCHED_OTHER, 0, second);
    settle();
    pthread_setschedparam(t[0], SCHED_FIFO, &param);
    unlock(&a);
    for (int i = 0; i < 4; ++i)
        pthread_join(t[i], NULL);
    printf("served: %s\n", said);
    said[0] = 0;
}

static void* has_b_wants_a(void* unused)
{
    lock(&b);
    sem_post(&has_b);
    lock(&a);
    unlock(&a);
    unlock(&b);
    return unused;
}

static void circle(void)
{
    lock(&a);
    pthread_t t = start(SCHED_FIFO, 10, has_b_wants_a);
    sem_wait(&has_b);
    settle();
    printf("trylock in a circle: %s\n",
           futex(&b, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0) == 0 ? "got it" : strerrorname_np(errno));
    printf("lock in a circle: %s\n",
           futex(&b, FUTEX_LOCK_PI, 0, NULL, NULL, 0) == 0 ? "got it" : strerrorname_np(errno));
    printf("lock what is one's own: %s\n",
           futex(&a, FUTEX_LOCK_PI, 0, NULL, NULL, 0) == 0 ? "got it" : strerrorname_np(errno));
    unlock(&a);
    pthread_join(t, NULL);
}

int main(void)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    const struct sched_param param = {.sched_priority = 50};
    if (sched_setaffinity(0, sizeof(one), &one) != 0 || sched_setscheduler(0, SCHED_FIFO, &param) != 0) {
        perror("real-time priority");
        return 1;
    }
    sem_init(&has_a, 0, 0);
    sem_init(&has_b, 0, 0);
    sem_init(&go_low, 0, 0);
    sem_init(&go_middle, 0, 0);
    owner("an owner", low, 10, high_for_a, 30);
    owner("an owner without priority", low, 0, high_for_a, 30);
    owner("an owner that is idle", idle_low, 0, high_for_a, 30);
    owner("a waiter of less priority than others", low, 10, high_for_a, 15);
    owner("a waiter that gives up", low, 10, high_for_a_shortly, 30);
    chain();
    raised();
    requeued();
    order();
    circle();
    return 0;
}
