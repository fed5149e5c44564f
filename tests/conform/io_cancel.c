// SPDX-License-Identifier: BSD-2-Clause
// pthread_cancel ends a thread that is blocked: in Linux, in a futex, in a signal wait; its cleanup runs.
// covers: tgkill, futex, rt_sigtimedwait
#include "show.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

static int ends[2], listener;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static sem_t semaphore;
static int cleaned;

static void clean(void* unused)
{
    (void)unused;
    cleaned++;
}

static void unlock(void* unused)
{
    (void)unused;
    pthread_mutex_unlock(&mutex);
}

static void* blocked(void* how)
{
    pthread_cleanup_push(clean, NULL);
    sigset_t set;
    switch ((long)how) {
    case 0:
        (void)!read(ends[0], &(char){0}, 1);
        break;
    case 1:
        poll(NULL, 0, -1);
        break;
    case 2:
        sleep(1000);
        break;
    case 3:
        accept(listener, NULL, NULL);
        break;
    case 4:
        sem_wait(&semaphore);
        break;
    case 5:
        pthread_mutex_lock(&mutex);
        pthread_cleanup_push(unlock, NULL);
        pthread_cond_wait(&never, &mutex);
        pthread_cleanup_pop(1);
        break;
    case 6:
        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        sigwaitinfo(&set, NULL);
        break;
    case 7:
        pause();
        break;
    case 8:
        pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
        for (volatile long i = 0;; i++)
            ;
    }
    pthread_cleanup_pop(1);
    return "not cancelled";
}

int main(void)
{
    static const char* const names[] = {"read",      "poll",        "sleep", "accept",   "sem_wait",
                                        "cond_wait", "sigwaitinfo", "pause", "computing"};
    MUST(pipe(ends) == 0 && sem_init(&semaphore, 0, 0) == 0);
    MUST((listener = socket(AF_INET, SOCK_STREAM, 0)) >= 0 && listen(listener, 5) == 0);
    for (long how = 0; how < 9; how++) {
        pthread_t thread;
        void* result;
        cleaned = 0;
        MUST(pthread_create(&thread, NULL, blocked, (void*)how) == 0);
        if (how % 2)
            usleep(30000);
        SHOW(pthread_cancel(thread));
        MUST(pthread_join(thread, &result) == 0);
        printf("%s: %s, cleaned %d\n", names[how], result == PTHREAD_CANCELED ? "cancelled" : (char*)result,
               cleaned);
        fflush(stdout);
    }
    SHOW(pthread_mutex_trylock(&mutex));
    return 0;
}
