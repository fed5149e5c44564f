/* SPDX-License-Identifier: BSD-2-Clause */
/* crash HOW: ends by a signal, as a broken program does. */
#include "check.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

static volatile char sink;

static int recurse(int depth)
{
    volatile char frame[4096];

    frame[0] = (char)depth;
    sink = frame[0];
    return depth < 1 << 30 ? recurse(depth + 1) + frame[0] : 0;
}

int main(int argc, char** argv)
{
    const char* how = argc > 1 ? argv[1] : "";

    if (!strcmp(how, "null"))
        *(volatile int*)0 = 1;
    else if (!strcmp(how, "readonly"))
        *(volatile char*)"text" = 1;
    else if (!strcmp(how, "stack"))
        return recurse(0);
    else if (!strcmp(how, "execute"))
        ((void (*)(void))mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))();
    else if (!strcmp(how, "kernel"))
        sink = *(volatile char*)0xffffffff80000000ul;
    else if (!strcmp(how, "noncanonical"))
        sink = *(volatile char*)0x8000000000000000ul;
    else if (!strcmp(how, "illegal"))
        __asm__ volatile("ud2");
    else if (!strcmp(how, "divide"))
        __asm__ volatile("xor %%ecx, %%ecx\n\tdiv %%ecx" ::: "eax", "ecx", "edx");
    else if (!strcmp(how, "abort"))
        abort();
    else if (!strcmp(how, "privileged"))
        __asm__ volatile("hlt");
    else if (!strcmp(how, "term"))
        kill(getpid(), SIGTERM);
    else
        printf("usage: crash "
               "null|readonly|stack|execute|kernel|noncanonical|illegal|divide|abort|privileged|term\n");
    return 3;
}
