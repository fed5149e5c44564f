// SPDX-License-Identifier: BSD-2-Clause
/* What app_gdb looks at. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int total;
volatile int go;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int twice(int x)
{
    return 2 * x;
}

static void added(int n)
{
    total += n;
}

static void* adds(void* arg)
{
    for (int i = 0; i < 4; i++) {
        pthread_mutex_lock(&lock);
        added(1);
        pthread_mutex_unlock(&lock);
    }
    return arg;
}

static void threads(void)
{
    pthread_t thread[3];

    for (int i = 0; i < 3; i++)
        pthread_create(&thread[i], NULL, adds, NULL);
    for (int i = 0; i < 3; i++)
        pthread_join(thread[i], NULL);
}

static void forks(void)
{
    pid_t pid = fork();

    if (pid == 0)
        execl("/bin/true", "true", NULL);
    waitpid(pid, NULL, 0);
}

static void crashes(int* where)
{
    *where = 1;
}

int main(int argc, char** argv)
{
    const char* what = argc > 1 ? argv[1] : "";

    for (int i = 1; i < 4; i++)
        total += i;
    if (strcmp(what, "threads") == 0)
        threads();
    if (strcmp(what, "fork") == 0)
        forks();
    if (strcmp(what, "crash") == 0)
        crashes(NULL);
    while (strcmp(what, "wait") == 0 && !go)
        usleep(10000);
    printf("%d %d\n", total, twice(21));
    return 5;
}
