/* SPDX-License-Identifier: BSD-2-Clause */
/* threads [ROUNDS]: mutexes, conditions, barriers, thread-local data, many births and deaths. */
#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { THREADS = 6 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn_changed = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static long total;
static int turn;
static int rounds;
static _Thread_local long mine;

static void* worker(void* arg)
{
    int number = (int)(size_t)arg;

    pthread_barrier_wait(&barrier);
    for (int i = 0; i < rounds; i++) {
        pthread_mutex_lock(&lock);
        total++;
        pthread_mutex_unlock(&lock);
        mine++;
    }
    CHECK(mine == rounds);
    for (int i = 0; i < 20; i++) {
        pthread_mutex_lock(&lock);
        while (turn % THREADS != number)
            pthread_cond_wait(&turn_changed, &lock);
        turn++;
        pthread_cond_broadcast(&turn_changed);
        pthread_mutex_unlock(&lock);
    }
    return (void*)(size_t)gettid();
}

static void* brief(void* arg)
{
    return (char*)arg + 1;
}

int main(int argc, char** argv)
{
    pthread_t threads[THREADS];
    void* result;

    rounds = argc > 1 ? atoi(argv[1]) : 2000;
    CHECK(pthread_barrier_init(&barrier, NULL, THREADS) == 0);
    for (size_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, worker, (void*)i) == 0);
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], &result) == 0);
        CHECK((pid_t)(size_t)result > getpid());
    }
    CHECK(total == (long)rounds * THREADS && turn == 20 * THREADS);
    for (size_t i = 0; i < 150; i++) {
        CHECK(pthread_create(&threads[0], NULL, brief, (void*)i) == 0);
        CHECK(pthread_join(threads[0], &result) == 0 && (size_t)result == i + 1);
    }
    CHECK(sched_getcpu() >= 0);
    printf("ok threads\n");
    return 0;
}
