/* SPDX-License-Identifier: BSD-2-Clause */
#include "micro.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

void need(int there, const char* what)
{
    if (!there) {
        fprintf(stderr, "micro: %s: %s\n", what, strerror(errno));
        exit(1);
    }
}

char* memory(size_t bytes)
{
    char* at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    need(at != MAP_FAILED, "mmap");
    return at;
}

void touch(char* at, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += page)
        ((volatile char*)at)[i] = 1;
}

double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}
