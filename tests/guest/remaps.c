/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * remaps SECONDS: one thread maps memory anew over what is there, again and again; another one changes, locks, advises
 * and asks about parts of it meanwhile. There is never a hole: each call finds the old memory or the new one.
 */
#include "check.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { page = 4096, bytes = 64 * page };

static char* area;
static atomic_int stop;
static atomic_long remaps;

static void* remap(void* unused)
{
    static const int kinds[] = {MAP_PRIVATE | MAP_ANONYMOUS, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
                                MAP_SHARED | MAP_ANONYMOUS, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE};

    for (long i = 0; !stop; i++) {
        CHECK(mmap(area, bytes, PROT_READ | PROT_WRITE, kinds[i % 4] | MAP_FIXED, -1, 0) == area);
        remaps++;
    }
    return unused;
}

static void well(const char* what, long result)
{
    if (result == 0)
        return;
    printf("%s: %s, after %ld remaps\n", what, strerror(errno), (long)remaps);
    fflush(stdout);
    _exit(1);
}

int main(int argc, char** argv)
{
    char* part;
    unsigned char resident[8];
    const time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 2);
    pthread_t other;
    long rounds = 0;

    area = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(area != MAP_FAILED);
    part = area + 7 * page;
    CHECK(pthread_create(&other, NULL, remap, NULL) == 0);
    while (time(NULL) < end) {
        well("mprotect", mprotect(part, 8 * page, PROT_READ));
        well("mprotect back", mprotect(part, 8 * page, PROT_READ | PROT_WRITE));
        well("mlock", mlock(part, 8 * page));
        well("munlock", munlock(part, 8 * page));
        well("MADV_DONTFORK", madvise(part, 8 * page, MADV_DONTFORK));
        well("MADV_DOFORK", madvise(part, 8 * page, MADV_DOFORK));
        well("MADV_POPULATE_READ", madvise(part, 8 * page, 22));
        well("MADV_DONTNEED", madvise(part, 8 * page, MADV_DONTNEED));
        well("mincore", mincore(part, 8 * page, resident));
        well("msync", msync(part, 8 * page, MS_ASYNC));
        well("mbind", syscall(SYS_mbind, part, 8 * page, 0, NULL, 0, 0));
        rounds++;
    }
    stop = 1;
    CHECK(pthread_join(other, NULL) == 0);
    CHECK(rounds > 0 && remaps > 0);
    printf("ok remaps: %ld rounds, %ld remaps\n", rounds, (long)remaps);
    return 0;
}
