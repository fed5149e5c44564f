// SPDX-License-Identifier: BSD-2-Clause
// Scheduling of threads that end meanwhile: it works, or there is no such thread.
// covers: sched_setscheduler sched_getparam sched_getattr sched_setaffinity sched_getaffinity
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { rounds = 300, threads = 4 };

static pid_t tids[threads];
static int over, strange;

static void look(long result)
{
    if (result < 0 && errno != ESRCH)
        __atomic_fetch_add(&strange, 1, __ATOMIC_SEQ_CST);
}

static void* meddler(void* unused)
{
    const struct sched_param none = {.sched_priority = 0};
    struct sched_param param;
    struct {
        uint32_t size;
        char rest[52];
    } attr;
    cpu_set_t cpus;
    for (unsigned i = 0; !__atomic_load_n(&over, __ATOMIC_SEQ_CST); ++i) {
        const pid_t tid = __atomic_load_n(&tids[i % threads], __ATOMIC_SEQ_CST);
        if (tid == 0)
            continue;
        look(sched_setscheduler(tid, i % 3 == 0 ? SCHED_BATCH : SCHED_OTHER, &none));
        look(sched_getparam(tid, &param));
        look(syscall(SYS_sched_getattr, tid, &attr, sizeof(attr), 0));
        if (sched_getaffinity(tid, sizeof(cpus), &cpus) == 0)
            look(sched_setaffinity(tid, sizeof(cpus), &cpus));
    }
    return unused;
}

static void* short_lived(void* place)
{
    __atomic_store_n((pid_t*)place, gettid(), __ATOMIC_SEQ_CST);
    return NULL;
}

int main(void)
{
    pthread_t meddlers[2], t[threads];
    for (int i = 0; i < 2; ++i)
        pthread_create(&meddlers[i], NULL, meddler, NULL);
    for (int round = 0; round < rounds; ++round) {
        for (int i = 0; i < threads; ++i)
            pthread_create(&t[i], NULL, short_lived, &tids[i]);
        for (int i = 0; i < threads; ++i)
            pthread_join(t[i], NULL);
    }
    over = 1;
    for (int i = 0; i < 2; ++i)
        pthread_join(meddlers[i], NULL);
    printf("%d strange answers\n", strange);
    return 0;
}
