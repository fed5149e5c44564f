// SPDX-License-Identifier: BSD-2-Clause
// Threads read through a number while another lets it mean one file, then the other: always one of the two, whole.
#include "show.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

static int number;
static atomic_int stop, torn, failed, reads;

static void* reader(void* unused)
{
    char text[512];
    (void)unused;
    while (!stop) {
        long n = pread(number, text, sizeof text, 0);
        if (n != sizeof text)
            failed++;
        else
            for (unsigned i = 1; i < sizeof text; i++)
                torn += text[i] != text[0];
        reads++;
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[4];
    char block[512];
    int files[2];

    for (int i = 0; i < 2; i++) {
        MUST((files[i] = open(i ? "b" : "a", O_RDWR | O_CREAT, 0600)) >= 0);
        memset(block, 'a' + i, sizeof block);
        MUST(write(files[i], block, sizeof block) == sizeof block);
    }
    MUST((number = dup(files[0])) >= 0);
    for (int i = 0; i < 4; i++)
        MUST(pthread_create(&threads[i], NULL, reader, NULL) == 0);
    for (int i = 0; i < 2000 || reads < 200; i++)
        MUST(dup2(files[i & 1], number) == number);
    stop = 1;
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    printf("torn %d, failed %d\n", torn, failed);
    return 0;
}
