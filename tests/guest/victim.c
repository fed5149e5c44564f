// SPDX-License-Identifier: BSD-2-Clause
// Ends with a core: what gdb is to find in it.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static __thread int mine = 11;
static char words[] = "in the data";
char* heap;

__attribute__((noinline)) static void inner(int depth, const char* how)
{
    volatile int local = 4711 + depth;
    mine += depth;
    if (depth < 2)
        inner(depth + 1, how);
    else if (how[0] == 'a')
        abort();
    else if (how[0] == 'q')
        raise(SIGQUIT);
    else
        *(volatile int*)16 = local;
    local++;
}

int main(int argc, char** argv)
{
    heap = strdup("in the heap");
    if (argc > 2)
        words[0] = 'I';
    inner(0, argv[1]);
    return heap[0] + words[0];
}
