/* SPDX-License-Identifier: BSD-2-Clause */
/* crowd map FILE PLACE: maps FILE, and touches nothing of it, until PLACE goes away.
 * crowd ask PLACE: natively: so many threads at once read pages of that mapping that the LWK's CPUs have more requests
 * than they can keep, each of which needs Linux in turn. */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { askers = 900, stride = 128 << 10 };

static pid_t target;
static char* start;
static pthread_barrier_t barrier;

static void nap(void)
{
    nanosleep(&(struct timespec){0, 20000000}, NULL);
}

static int map(const char* name, const char* place)
{
    const int fd = open(name, O_RDONLY);
    FILE* file;

    CHECK(fd >= 0);
    start = mmap(NULL, (size_t)askers * stride, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK(start != MAP_FAILED);
    file = fopen(place, "w");
    CHECK(file && fprintf(file, "%d %p\n", getpid(), (void*)start) > 0 && fclose(file) == 0);
    while (access(place, F_OK) == 0)
        nap();
    return 0;
}

static void* ask(void* argument)
{
    char* at = start + (unsigned long)argument * stride;
    char byte = 'x';
    const struct iovec mine = {&byte, 1}, theirs = {at, 1};

    pthread_barrier_wait(&barrier);
    CHECK(process_vm_readv(target, &mine, 1, &theirs, 1, 0) == 1 && byte == 0);
    return NULL;
}

int main(int argc, char** argv)
{
    static pthread_t threads[askers];
    pthread_attr_t small;
    FILE* file = NULL;

    CHECK(argc > 2);
    if (argc > 3)
        return map(argv[2], argv[3]);
    while (!file || fscanf(file, "%d %p", &target, (void**)&start) != 2) {
        if (file)
            fclose(file);
        nap();
        file = fopen(argv[2], "r");
    }
    fclose(file);
    CHECK(pthread_barrier_init(&barrier, NULL, askers) == 0);
    CHECK(pthread_attr_init(&small) == 0 && pthread_attr_setstacksize(&small, 64 << 10) == 0);
    for (unsigned long i = 0; i < askers; i++)
        CHECK(pthread_create(&threads[i], &small, ask, (void*)i) == 0);
    for (int i = 0; i < askers; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    unlink(argv[2]);
    printf("ok crowd: %d answers\n", askers);
    return 0;
}
