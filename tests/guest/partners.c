// SPDX-License-Identifier: BSD-2-Clause
// Two processes, each natively or on the LWK, share a file and a System V segment: what pthreads, semaphores and
// futexes are between them.   partners FILE 0|1
#include "check.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 300, ADDS = 3000, PAGES = 64, PAGE = 4096, MAGIC = 0x5747 };

struct Shared {
    atomic_int ready;
    pthread_barrier_t barrier;
    pthread_mutex_t mutex, robust, inherits;
    pthread_cond_t cond;
    sem_t sem[2];
    int turn, counter, has_pi;
    atomic_uint word, other;
    atomic_int waiting, pid[2];
    char pages[PAGES][PAGE] __attribute__((aligned(PAGE)));
};

static struct Shared* s;
static int me;

static long futex(atomic_uint* at, int op, unsigned value, const struct timespec* timeout,
                  atomic_uint* second, unsigned value3)
{
    return syscall(SYS_futex, at, op, value, timeout, second, value3);
}

static void meet(void)
{
    const int r = pthread_barrier_wait(&s->barrier);
    CHECK(r == 0 || r == PTHREAD_BARRIER_SERIAL_THREAD);
}

static void set_up(void)
{
    pthread_barrierattr_t barrier;
    pthread_barrierattr_init(&barrier);
    pthread_barrierattr_setpshared(&barrier, PTHREAD_PROCESS_SHARED);
    CHECK(pthread_barrier_init(&s->barrier, &barrier, 2) == 0);
    pthread_mutexattr_t mutex;
    pthread_mutexattr_init(&mutex);
    pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
    CHECK(pthread_mutex_init(&s->mutex, &mutex) == 0);
    CHECK(pthread_mutexattr_setprotocol(&mutex, PTHREAD_PRIO_INHERIT) == 0);
    s->has_pi = pthread_mutex_init(&s->inherits, &mutex) == 0;
    pthread_mutexattr_setprotocol(&mutex, PTHREAD_PRIO_NONE);
    pthread_mutexattr_setrobust(&mutex, PTHREAD_MUTEX_ROBUST);
    CHECK(pthread_mutex_init(&s->robust, &mutex) == 0);
    pthread_condattr_t cond;
    pthread_condattr_init(&cond);
    pthread_condattr_setpshared(&cond, PTHREAD_PROCESS_SHARED);
    CHECK(pthread_cond_init(&s->cond, &cond) == 0);
    CHECK(sem_init(&s->sem[0], 1, 0) == 0 && sem_init(&s->sem[1], 1, 0) == 0);
}

static void add_under(pthread_mutex_t* mutex)
{
    meet();
    for (int i = 0; i < ADDS; i++) {
        CHECK(pthread_mutex_lock(mutex) == 0);
        const int was = s->counter;
        if (i % 100 == 0)
            sched_yield();
        s->counter = was + 1;
        CHECK(pthread_mutex_unlock(mutex) == 0);
    }
    meet();
    CHECK(s->counter == 2 * ADDS);
    meet();
    s->counter = 0;
    meet();
}

static void take_turns(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        CHECK(pthread_mutex_lock(&s->mutex) == 0);
        while (s->turn != me)
            CHECK(pthread_cond_wait(&s->cond, &s->mutex) == 0);
        s->turn = !me;
        CHECK(pthread_cond_signal(&s->cond) == 0);
        CHECK(pthread_mutex_unlock(&s->mutex) == 0);
    }
    for (int i = 0; i < ROUNDS; i++) {
        if (me == 0)
            sem_post(&s->sem[1]);
        while (sem_wait(&s->sem[me]) != 0)
            CHECK(errno == EINTR);
        if (me == 1)
            sem_post(&s->sem[0]);
    }
    meet();
}

static void use_futexes(void)
{
    const struct timespec soon = {0, 20000000};
    CHECK_ERRNO(futex(&s->word, FUTEX_WAIT, 77, NULL, NULL, 0), EAGAIN);
    CHECK_ERRNO(futex(&s->word, FUTEX_WAIT, atomic_load(&s->word), &soon, NULL, 0), ETIMEDOUT);
    // A private wait is for this process's own threads: the other's wake does not reach it, and it times out.
    CHECK_ERRNO(futex(&s->word, FUTEX_WAIT_PRIVATE, atomic_load(&s->word), &soon, NULL, 0), ETIMEDOUT);
    meet();
    for (unsigned i = 0; i < ROUNDS; i++) {
        if ((int)(i % 2) == me) {
            atomic_store(&s->word, i + 1);
            futex(&s->word, FUTEX_WAKE_BITSET, INT_MAX, NULL, NULL, 4);
        }
        while (atomic_load(&s->word) < i + 1)
            futex(&s->word, FUTEX_WAIT_BITSET, i, NULL, NULL, 6);
    }
    meet();
    // One waits on word, is moved to other, and woken there.
    const unsigned now = atomic_load(&s->word);
    if (me == 0) {
        atomic_store(&s->waiting, 1);
        CHECK(futex(&s->word, FUTEX_WAIT, now, NULL, NULL, 0) == 0);
        atomic_store(&s->waiting, 0);
    } else {
        while (futex(&s->word, FUTEX_CMP_REQUEUE, 0, (void*)1, &s->other, now) != 1)
            usleep(1000);
        CHECK(futex(&s->word, FUTEX_WAKE, 1, NULL, NULL, 0) == 0);
        CHECK(atomic_load(&s->waiting) == 1);
        CHECK(futex(&s->word, FUTEX_WAKE_OP, 1, (void*)1, &s->other,
                    FUTEX_OP(FUTEX_OP_SET, 9, FUTEX_OP_CMP_EQ, 0)) == 1);
        CHECK(atomic_load(&s->other) == 9);
        while (atomic_load(&s->waiting) != 0)
            usleep(1000);
    }
    meet();
}

static void* die_with_it(void* unused)
{
    (void)unused;
    CHECK(pthread_mutex_lock(&s->robust) == 0);
    return NULL;
}

static void inherit_from_the_dead(int whose)
{
    meet();
    if (me == whose) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, die_with_it, NULL) == 0);
        pthread_join(thread, NULL);
    }
    meet();
    if (me != whose) {
        CHECK(pthread_mutex_lock(&s->robust) == EOWNERDEAD);
        CHECK(pthread_mutex_consistent(&s->robust) == 0);
        CHECK(pthread_mutex_unlock(&s->robust) == 0);
    }
    meet();
}

static void see_each_others_stores(int fd)
{
    char text[64];
    for (int i = 0; i < PAGES; i++) {
        snprintf(s->pages[i] + 64 * me, 64, "page %d of %d", i, me);
        if (i % 8 == me)
            fsync(fd);
    }
    meet();
    for (int i = 0; i < PAGES; i++) {
        char want[64];
        snprintf(want, sizeof want, "page %d of %d", i, !me);
        CHECK(strcmp(s->pages[i] + 64 * !me, want) == 0);
        CHECK(pread(fd, text, 64, s->pages[i] + 64 * !me - (char*)s) == 64 && strcmp(text, want) == 0);
    }
    meet();
}

static void share_a_segment(const char* file)
{
    const key_t key = ftok(file, MAGIC);
    if (me == 1)
        meet();
    const int id = shmget(key, 10 * PAGE, me == 0 ? IPC_CREAT | IPC_EXCL | 0600 : 0600);
    CHECK(id >= 0);
    atomic_int* p = shmat(id, NULL, 0);
    CHECK(p != (void*)-1);
    if (me == 0)
        meet();
    for (int i = 0; i < 10 * PAGE / 4; i += 100)
        atomic_fetch_add(&p[i], me + 1);
    meet();
    for (int i = 0; i < 10 * PAGE / 4; i += 100)
        CHECK(p[i] == 3);
    struct shmid_ds info;
    CHECK(shmctl(id, IPC_STAT, &info) == 0 && info.shm_nattch == 2);
    meet();
    CHECK(shmdt(p) == 0);
    if (me == 0)
        CHECK(shmctl(id, IPC_RMID, NULL) == 0);
    meet();
}

int main(int argc, char** argv)
{
    if (argc < 3) {
        printf("ok partners: usage: FILE 0|1\n");
        return 0;
    }
    me = atoi(argv[2]);
    alarm(25);
    const int fd = open(argv[1], O_RDWR | O_CREAT, 0600);
    CHECK(fd >= 0 && ftruncate(fd, sizeof(struct Shared)) == 0);
    s = mmap(NULL, sizeof(struct Shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(s != MAP_FAILED);
    if (me == 0) {
        set_up();
        atomic_store(&s->ready, MAGIC);
    }
    while (atomic_load(&s->ready) != MAGIC)
        usleep(1000);
    meet();
    add_under(&s->mutex);
    if (s->has_pi)
        add_under(&s->inherits);
    take_turns();
    use_futexes();
    inherit_from_the_dead(0);
    inherit_from_the_dead(1);
    see_each_others_stores(fd);
    share_a_segment(argv[1]);
    // The second one is killed while it holds the mutex.
    atomic_store(&s->pid[me], getpid());
    meet();
    if (argc > 3) {
        if (me == 1) {
            CHECK(pthread_mutex_lock(&s->robust) == 0);
            atomic_store(&s->waiting, 2);
            for (;;)
                pause();
        }
        while (atomic_load(&s->waiting) != 2)
            usleep(1000);
        kill(atomic_load(&s->pid[1]), SIGKILL);
        CHECK(pthread_mutex_lock(&s->robust) == EOWNERDEAD);
    }
    printf("ok partners %d\n", me);
    return 0;
}
