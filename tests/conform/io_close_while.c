// SPDX-License-Identifier: BSD-2-Clause
// A descriptor is closed, replaced or shut down while another thread is blocked on it.
#include "show.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <unistd.h>

static sem_t about_to;
static int fd;

static void* reader(void* unused)
{
    static char text[64];
    (void)unused;
    sem_post(&about_to);
    long n = read(fd, text, 3);
    snprintf(text + 8, 40, "%ld %s", n, n < 0 ? strerrorname_np(errno) : n ? (text[n] = 0, text) : "end");
    return text + 8;
}

static void* poller(void* unused)
{
    struct pollfd one = {fd, POLLIN, 0};
    (void)unused;
    sem_post(&about_to);
    int n = poll(&one, 1, 5000);
    return (void*)(long)(n << 16 | one.revents);
}

static pthread_t begin(void* (*work)(void*))
{
    pthread_t thread;
    MUST(pthread_create(&thread, NULL, work, NULL) == 0);
    sem_wait(&about_to);
    usleep(50000);
    return thread;
}

int main(void)
{
    int ends[2], other[2], pair[2];
    void* said;

    MUST(sem_init(&about_to, 0, 0) == 0);
    /* The read keeps the file, though its number is gone. */
    MUST(pipe(ends) == 0);
    fd = ends[0];
    pthread_t thread = begin(reader);
    SHOW(close(fd));
    SHOW(fcntl(fd, F_GETFD));
    MUST(write(ends[1], "abc", 3) == 3);
    pthread_join(thread, &said);
    printf("read of what was closed: %s\n", (char*)said);
    close(ends[1]);

    /* A number that means another file meanwhile. */
    MUST(pipe(ends) == 0 && pipe(other) == 0);
    fd = ends[0];
    thread = begin(reader);
    MUST(dup2(other[0], fd) == fd);
    MUST(write(other[1], "new", 3) == 3 && write(ends[1], "old", 3) == 3);
    pthread_join(thread, &said);
    printf("read of what was replaced: %s\n", (char*)said);
    thread = begin(reader);
    pthread_join(thread, &said);
    printf("read of the replacement: %s\n", (char*)said);

    /* The last writer goes. */
    MUST(pipe(ends) == 0);
    fd = ends[0];
    thread = begin(reader);
    MUST(close(ends[1]) == 0);
    pthread_join(thread, &said);
    printf("read when the writer went: %s\n", (char*)said);

    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    fd = pair[0];
    thread = begin(reader);
    SHOW(shutdown(pair[0], SHUT_RD));
    pthread_join(thread, &said);
    printf("read of what was shut down: %s\n", (char*)said);

    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    fd = pair[0];
    thread = begin(poller);
    MUST(close(pair[1]) == 0);
    pthread_join(thread, &said);
    printf("poll when the peer went: %lx\n", (long)said);
    return 0;
}
