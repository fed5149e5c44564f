// SPDX-License-Identifier: BSD-2-Clause
// While threads read into a buffer and write from it, another takes its pages away, write-protects and maps them anew:
// each call gives its bytes or EFAULT, and nothing else.
// covers: mmap, munmap, mprotect
#include "show.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIZE = 64 * 1024, ROUNDS = 400 };
static char* const area = (char*)0x123456000000;
static atomic_int stop, strange, good;

static void saw(long n, long most)
{
    if (n == -1 ? errno != EFAULT : n < 0 || n > most)
        strange++;
    good++;
}

static void* transfers(void* number)
{
    int zero = open("/dev/zero", O_RDWR), file = open("f", O_RDWR | O_CREAT, 0600), ends[2];
    MUST(zero >= 0 && file >= 0 && pipe2(ends, O_NONBLOCK) == 0 &&
         fcntl(ends[1], F_SETPIPE_SZ, SIZE) >= SIZE);
    MUST(pwrite(file, "x", 1, SIZE - 1) == 1);
    for (int i = (int)(long)number; !stop; i++) {
        char* at = area + i % 16 * 4096;
        long n;
        switch (i % 5) {
        case 0:
            saw(read(zero, at, SIZE - i % 16 * 4096), SIZE);
            break;
        case 1:
            saw(pread(file, at + 7, 5000, 0), 5000);
            break;
        case 2:
            saw(pwrite(file, at + 9, 5000, 0), 5000);
            break;
        case 3:
            /* Each write that fails may leave an empty buffer in the pipe, until it is full of them. */
            n = write(ends[1], at, 4096);
            if (n >= 0 || errno != EAGAIN)
                saw(n, 4096);
            if (n > 0)
                saw(read(ends[0], at, n), n);
            while (read(ends[0], (char[4096]){0}, 4096) > 0)
                ;
            break;
        default:
            saw(fstat(zero, (struct stat*)(at + 4000)), 0);
        }
    }
    return NULL;
}

static void* remap(void)
{
    return mmap(area, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

int main(void)
{
    pthread_t threads[3];
    MUST(remap() == area);
    for (long n = 0; n < 3; n++)
        MUST(pthread_create(&threads[n], NULL, transfers, (void*)n) == 0);
    for (int i = 0; i < ROUNDS || good < ROUNDS; i++) {
        char* at = area + i * 7 % 16 * 4096;
        MUST(mprotect(at, 4096, PROT_READ) == 0);
        MUST(mprotect(at, 4096, PROT_NONE) == 0);
        MUST(mprotect(at, 4096, PROT_READ | PROT_WRITE) == 0);
        MUST(munmap(at, 4096) == 0);
        if (i % 4 == 0)
            MUST(munmap(area, SIZE) == 0);
        MUST(remap() == area);
        if (i % 2)
            memset(area, i, SIZE);
    }
    stop = 1;
    for (int n = 0; n < 3; n++)
        pthread_join(threads[n], NULL);
    unlink("f"); /* what it holds is up to chance */
    printf("strange results: %d\n", strange);
    return 0;
}
