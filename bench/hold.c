/* SPDX-License-Identifier: BSD-2-Clause */
/* hold BYTES: so much memory, written to, in use until the program is killed. Prints where it lies. */
#include "micro.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char** argv)
{
    size_t bytes = argc > 1 ? strtoul(argv[1], NULL, 0) : 0;

    if (bytes == 0) {
        fprintf(stderr, "usage: hold BYTES\n");
        return 2;
    }
    char* at = memory(bytes);

    touch(at, bytes);
    printf("%#lx\n", (unsigned long)at);
    fflush(stdout);
    for (volatile char sum = 0;;)
        for (size_t i = 0; i < bytes; i += page)
            sum = (char)(sum + at[i]);
}
