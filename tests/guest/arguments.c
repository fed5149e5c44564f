/* SPDX-License-Identifier: BSD-2-Clause */
/* What a program is given at its start: arguments, environment, auxiliary vector, limits, brk, TLS. */
#include "check.h"

#include <link.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

extern char** environ;
static _Thread_local int tls = 42;
static char zeroes[100000];

int main(int argc, char** argv)
{
    struct timespec now;
    char* heap;
    size_t i;

    CHECK(argc >= 1 && argv[argc] == NULL && argv[0] != NULL);
    CHECK(environ != NULL && getenv("PATH") != NULL);
    CHECK(getauxval(AT_PAGESZ) == 4096);
    CHECK(getauxval(AT_PHDR) != 0 && getauxval(AT_PHENT) == sizeof(ElfW(Phdr)));
    CHECK(memcmp((const char*)(getauxval(AT_PHDR) & ~4095ul), "\177ELF", 4) == 0);
    CHECK(getauxval(AT_ENTRY) != 0 && getauxval(AT_CLKTCK) == 100);
    CHECK(getauxval(AT_UID) == getuid() && getauxval(AT_SECURE) == 0);
    CHECK(getauxval(AT_EXECFN) != 0 && access((const char*)getauxval(AT_EXECFN), X_OK) == 0);
    CHECK(strcmp((const char*)getauxval(AT_PLATFORM), "x86_64") == 0);
    CHECK(getauxval(AT_RANDOM) != 0);
    CHECK(((unsigned long)__builtin_frame_address(0) & 15) == 0);
    CHECK(tls == 42);
    for (i = 0; i < sizeof(zeroes); i++)
        CHECK(zeroes[i] == 0);
    heap = sbrk(1 << 20);
    CHECK(heap != (void*)-1);
    for (i = 0; i < 1 << 20; i += 4096)
        CHECK(heap[i] == 0);
    memset(heap, 1, 1 << 20);
    CHECK(sbrk(-(1 << 20)) != (void*)-1);
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0 && now.tv_sec + now.tv_nsec > 0);
    for (i = 1; argv[i]; i++)
        printf("%s\n", argv[i]);
    printf("ok arguments\n");
    return 0;
}
