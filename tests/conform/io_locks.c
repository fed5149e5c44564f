// SPDX-License-Identifier: BSD-2-Clause
// Locks on files among threads: POSIX locks are the process's, OFD locks and flock are the open file's.
#include "show.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <unistd.h>

static int first, second;
static atomic_int has_it;

static struct flock lock_of(short type, long from, long length)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = from, .l_len = length};
}

static void* wait_ofd(void* unused)
{
    struct flock lock = lock_of(F_WRLCK, 5, 10);
    (void)unused;
    MUST(fcntl(second, F_OFD_SETLKW, &lock) == 0);
    has_it = 1;
    return NULL;
}

static void* wait_flock(void* unused)
{
    (void)unused;
    MUST(flock(second, LOCK_EX) == 0);
    has_it = 1;
    return NULL;
}

int main(void)
{
    struct flock lock = lock_of(F_WRLCK, 0, 10);
    pthread_t thread;

    MUST((first = open("f", O_RDWR | O_CREAT, 0600)) >= 0 && (second = open("f", O_RDWR)) >= 0);
    SHOW(fcntl(first, F_SETLK, &lock));
    SHOW(fcntl(second, F_SETLK, &lock)); /* the same process */
    lock = lock_of(F_RDLCK, 5, 1);
    SHOW(fcntl(second, F_OFD_SETLK, &lock));
    SHOW(close(dup(second))); /* drops the process's locks */
    lock = lock_of(F_RDLCK, 5, 1);
    SHOW(fcntl(second, F_OFD_SETLK, &lock));
    lock = lock_of(F_WRLCK, 0, 10);
    SHOW(fcntl(first, F_OFD_SETLK, &lock));
    lock = lock_of(F_WRLCK, 0, 10);
    SHOW(fcntl(first, F_OFD_GETLK, &lock));
    printf("type %d, %ld + %ld, pid %d\n", lock.l_type, (long)lock.l_start, (long)lock.l_len, lock.l_pid);
    lock = lock_of(F_UNLCK, 0, 0);
    SHOW(fcntl(second, F_OFD_SETLK, &lock));
    lock = lock_of(F_WRLCK, 0, 10);
    SHOW(fcntl(first, F_OFD_SETLK, &lock));

    MUST(pthread_create(&thread, NULL, wait_ofd, NULL) == 0);
    usleep(50000);
    printf("has it too early: %d\n", has_it);
    lock = lock_of(F_UNLCK, 0, 10);
    SHOW(fcntl(first, F_OFD_SETLK, &lock));
    pthread_join(thread, NULL);
    printf("has it: %d\n", has_it);
    close(second);
    MUST((second = open("f", O_RDWR)) >= 0);

    has_it = 0;
    SHOW(flock(first, LOCK_EX));
    SHOW(flock(second, LOCK_EX | LOCK_NB));
    MUST(pthread_create(&thread, NULL, wait_flock, NULL) == 0);
    usleep(50000);
    printf("has it too early: %d\n", has_it);
    SHOW(flock(first, LOCK_UN));
    pthread_join(thread, NULL);
    SHOW(flock(first, LOCK_SH | LOCK_NB));
    SHOW(flock(first, 77));
    lock = lock_of(9, 0, 0);
    SHOW(fcntl(first, F_SETLK, &lock));
    lock = lock_of(F_RDLCK, -5, 3);
    SHOW(fcntl(first, F_SETLK, &lock));
    return 0;
}
