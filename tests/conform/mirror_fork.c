// SPDX-License-Identifier: BSD-2-Clause
// What parent and child share after fork: anonymous shared memory, files, segments; locks and futexes in it.
// covers: fork, mmap, shmat
#include "show.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096 };

struct Shared {
    pthread_mutex_t mutex;
    pthread_barrier_t barrier;
    sem_t sem;
    atomic_uint word;
    int counter;
};

static int status_of(pid_t child)
{
    int status = -1;
    MUST(waitpid(child, &status, 0) == child);
    return status;
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    const int rw = PROT_READ | PROT_WRITE;
    struct Shared* s = mmap(NULL, 10 * PAGE, rw, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char* private = mmap(NULL, PAGE, rw, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(s != MAP_FAILED && private != MAP_FAILED);
    pthread_mutexattr_t mutex;
    pthread_mutexattr_init(&mutex);
    pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&s->mutex, &mutex);
    pthread_barrierattr_t barrier;
    pthread_barrierattr_init(&barrier);
    pthread_barrierattr_setpshared(&barrier, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(&s->barrier, &barrier, 5);
    sem_init(&s->sem, 1, 0);

    // Four children count together.
    pid_t child[4];
    for (int i = 0; i < 4; i++) {
        child[i] = fork();
        MUST(child[i] >= 0);
        if (child[i] != 0)
            continue;
        private[0] = 'c';
        pthread_barrier_wait(&s->barrier);
        for (int n = 0; n < 500; n++) {
            pthread_mutex_lock(&s->mutex);
            s->counter++;
            pthread_mutex_unlock(&s->mutex);
        }
        sem_post(&s->sem);
        _exit(i);
    }
    pthread_barrier_wait(&s->barrier);
    for (int i = 0; i < 4; i++)
        MUST(sem_wait(&s->sem) == 0);
    SHOW(s->counter);
    for (int i = 0; i < 4; i++)
        SHOW(WEXITSTATUS(status_of(child[i])));
    SHOW(private[0]);

    // A page first touched by the child; one that the child unmaps, and one that it protects.
    char* more = (char*)s;
    more[5 * PAGE] = 'p';
    child[0] = fork();
    if (child[0] == 0) {
        more[4 * PAGE] = 'c';
        more[5 * PAGE + 1] = 'c';
        SHOW(munmap(more + 6 * PAGE, PAGE));
        SHOW(mprotect(more + 7 * PAGE, PAGE, PROT_NONE));
        SHOW(mremap(more + 8 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, more + 6 * PAGE) ==
             more + 6 * PAGE);
        strcpy(more + 6 * PAGE, "moved");
        _exit(0);
    }
    SHOW(status_of(child[0]));
    more[6 * PAGE] = more[7 * PAGE] = '.';
    printf("%c %c%c %c%c %s\n", more[4 * PAGE], more[5 * PAGE], more[5 * PAGE + 1], more[6 * PAGE],
           more[7 * PAGE], more + 8 * PAGE);

    // A futex that the parent waits for and the child wakes.
    child[0] = fork();
    if (child[0] == 0) {
        while (syscall(SYS_futex, &s->word, FUTEX_WAKE, 1, NULL, NULL, 0) == 0)
            usleep(1000);
        _exit(0);
    }
    SHOW(syscall(SYS_futex, &s->word, FUTEX_WAIT, 0, NULL, NULL, 0));
    SHOW(status_of(child[0]));

    // A file and a segment, attached before; a child that ends leaves the parent's alone.
    int fd = open("shared", O_RDWR | O_CREAT, 0600);
    MUST(fd >= 0 && ftruncate(fd, 4 * PAGE) == 0);
    char* file = mmap(NULL, 4 * PAGE, rw, MAP_SHARED, fd, 0);
    const int id = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600);
    char* segment = shmat(id, NULL, 0);
    MUST(file != MAP_FAILED && segment != (void*)-1);
    child[0] = fork();
    if (child[0] == 0) {
        strcpy(file + PAGE, "from the child");
        strcpy(segment, "likewise");
        struct shmid_ds info;
        shmctl(id, IPC_STAT, &info);
        SHOW(info.shm_nattch);
        SHOW(shmdt(segment));
        SHOW(ftruncate(fd, 2 * PAGE));
        _exit(0);
    }
    SHOW(status_of(child[0]));
    printf("%s, %s\n", file + PAGE, segment);
    child[0] = fork();
    if (child[0] == 0) {
        printf("%d\n", file[3 * PAGE]);
        _exit(0);
    }
    int status = status_of(child[0]);
    SHOW(WTERMSIG(status));
    SHOW(shmctl(id, IPC_RMID, NULL));

    // vfork's child shares all of it.
    child[0] = vfork();
    if (child[0] == 0) {
        strcpy(file, "vfork");
        _exit(7);
    }
    SHOW(WEXITSTATUS(status_of(child[0])));
    printf("%s\n", file);

    // Not for children.
    SHOW(madvise(file, PAGE, MADV_DONTFORK));
    child[0] = fork();
    if (child[0] == 0) {
        printf("%c\n", file[0]);
        _exit(0);
    }
    status = status_of(child[0]);
    SHOW(WTERMSIG(status));
    return 0;
}
