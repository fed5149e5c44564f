// SPDX-License-Identifier: BSD-2-Clause
// 300 threads blocked in read(2) of one pipe at once, then 300 in as many reads of eventfds: none waits for another.
#include "show.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { THREADS = 300 };
static int ends[2], events[THREADS];
static atomic_int sum, served;

static void* from_pipe(void* unused)
{
    char c;
    (void)unused;
    MUST(read(ends[0], &c, 1) == 1);
    sum += c;
    return NULL;
}

static void* from_event(void* number)
{
    long n = (long)number;
    uint64_t value;
    MUST(read(events[n], &value, 8) == 8 && value == (uint64_t)n + 1);
    served++;
    return NULL;
}

static void start(pthread_t* threads, void* (*work)(void*))
{
    pthread_attr_t small;
    pthread_attr_init(&small);
    MUST(pthread_attr_setstacksize(&small, 65536) == 0);
    for (long n = 0; n < THREADS; n++)
        MUST(pthread_create(&threads[n], &small, work, (void*)n) == 0);
}

int main(void)
{
    static pthread_t threads[THREADS];
    MUST(pipe(ends) == 0);
    start(threads, from_pipe);
    for (int n = 0; n < THREADS; n++)
        MUST(write(ends[1], &(char){n % 100}, 1) == 1);
    for (int n = 0; n < THREADS; n++)
        MUST(pthread_join(threads[n], NULL) == 0);
    printf("sum of what the pipe gave: %d\n", sum);

    for (int n = 0; n < THREADS; n++)
        MUST((events[n] = eventfd(0, EFD_CLOEXEC)) >= 0);
    start(threads, from_event);
    /* The last first: whoever waited for a turn would wait for ever. */
    for (long n = THREADS - 1; n >= 0; n--) {
        uint64_t value = n + 1;
        MUST(write(events[n], &value, 8) == 8);
        MUST(pthread_join(threads[n], NULL) == 0);
    }
    printf("events served: %d\n", served);
    return 0;
}
