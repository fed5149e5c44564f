/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shake SECONDS THREADS: Linux at its loudest for other CPUs: threads of one process that unmap, change rights and ask
 * for barriers, each of which Linux tells to all of its CPUs. Prints how often.
 */
#include "micro.h"

#include <linux/membarrier.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long rounds;
static double end;

static void* shake(void* arg)
{
    while (now() < end) {
        char* at = memory(4 * (size_t)page);

        touch(at, 4 * (size_t)page);
        need(mprotect(at, 2 * (size_t)page, PROT_READ) == 0, "mprotect");
        need(munmap(at, 4 * (size_t)page) == 0, "munmap");
        need(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0, "membarrier");
        need(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0) == 0, "membarrier");
        atomic_fetch_add(&rounds, 1);
    }
    return arg;
}

int main(int argc, char** argv)
{
    int seconds = argc > 2 ? atoi(argv[1]) : 0, threads = argc > 2 ? atoi(argv[2]) : 0;
    pthread_t t[64];

    if (seconds < 1 || threads < 1 || threads > 64) {
        fprintf(stderr, "usage: shake SECONDS THREADS\n");
        return 2;
    }
    end = now() + seconds * 1e9;
    need(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0, "membarrier");
    need(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) == 0, "membarrier");
    for (int i = 0; i < threads; i++)
        need(pthread_create(&t[i], NULL, shake, NULL) == 0, "pthread_create");
    for (int i = 0; i < threads; i++)
        pthread_join(t[i], NULL);
    printf("%ld\n", rounds);
    return 0;
}
