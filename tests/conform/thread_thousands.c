// SPDX-License-Identifier: BSD-2-Clause
// Thousands of threads at once on few CPUs, twice: they all start, meet at a barrier, and end.
// covers: clone3, clone
// timeout: 240
#include "show.h"

#include <pthread.h>
#include <unistd.h>

enum { THREADS = 4000 };

static pthread_barrier_t barrier;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long sum;

static void* worker(void* number)
{
    pthread_barrier_wait(&barrier);
    pthread_mutex_lock(&lock);
    sum += (long)number;
    pthread_mutex_unlock(&lock);
    return number;
}

int main(void)
{
    static pthread_t t[THREADS];
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 64 * 1024);
    for (int round = 0; round < 2; round++) {
        long back = 0;
        pthread_barrier_init(&barrier, NULL, THREADS + 1);
        for (long i = 0; i < THREADS; i++)
            MUST((errno = pthread_create(&t[i], &small, worker, (void*)i)) == 0);
        pthread_barrier_wait(&barrier);
        for (long i = 0; i < THREADS; i++) {
            void* result;
            MUST(pthread_join(t[i], &result) == 0);
            back += (long)result;
        }
        pthread_barrier_destroy(&barrier);
        printf("%ld %ld\n", sum, back);
    }
    return 0;
}
