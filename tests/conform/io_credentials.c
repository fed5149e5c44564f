// SPDX-License-Identifier: BSD-2-Clause
// setfsuid and the raw set*id calls are the thread's own; glibc's setresuid is the whole process's.
#include "show.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_barrier_t barrier;

static void make(const char* name)
{
    struct stat about;
    int fd = open(name, O_CREAT | O_WRONLY, 0600);
    if (fd < 0 || fstat(fd, &about))
        printf("%s: %s\n", name, strerrorname_np(errno));
    else
        printf("%s belongs to %d:%d\n", name, about.st_uid, about.st_gid);
    close(fd);
}

/* One after the other, so that the order of lines is given. */
static void in_turn(long me)
{
    for (long turn = 0; turn < 3; turn++) {
        char name[32];
        if (turn == me) {
            snprintf(name, sizeof name, "by-thread-%ld", me);
            make(name);
            printf("  uid %d %d, fsuid %d\n", getuid(), geteuid(), setfsuid(-1));
        }
        pthread_barrier_wait(&barrier);
    }
}

static void* work(void* number)
{
    long me = (long)number;
    if (me == 1) {
        setfsgid(2001);
        setfsuid(1001);
    } else if (me == 2) {
        MUST(syscall(SYS_setresgid, 2002, 2002, -1) == 0);
        MUST(syscall(SYS_setresuid, 1002, 1002, 0) == 0);
    }
    pthread_barrier_wait(&barrier);
    in_turn(me);
    if (me == 2)
        MUST(syscall(SYS_setresuid, -1, 0, -1) == 0);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier); /* the main thread has made glibc's call */
    for (long turn = 1; turn < 3; turn++) {
        if (turn == me)
            printf("thread %ld: uid %d %d\n", me, getuid(), geteuid());
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[2];
    MUST(geteuid() == 0 && chmod(".", 0777) == 0);
    MUST(pthread_barrier_init(&barrier, NULL, 3) == 0);
    for (long n = 1; n < 3; n++)
        MUST(pthread_create(&threads[n - 1], NULL, work, (void*)n) == 0);
    pthread_barrier_wait(&barrier);
    in_turn(0);
    pthread_barrier_wait(&barrier);
    SHOW(setresuid(1003, 1003, 1003));
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    printf("main: uid %d %d\n", getuid(), geteuid());
    for (int n = 0; n < 2; n++)
        pthread_join(threads[n], NULL);
    SHOW(open("/etc/shadow", O_RDONLY));
    return 0;
}
