/* SPDX-License-Identifier: BSD-2-Clause */
/* Data that Linux takes from the program's memory without copying it at once: MSG_ZEROCOPY with its notifications, and
 * from memory that is unmapped meanwhile; sendfile, splice and tee between files, pipes and sockets. */
#include "show.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

enum { bytes = 256 * 1024, rounds = 8 };

static int ends[2];

static void connect_them(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    MUST(bind(listener, (void*)&a, sizeof(a)) == 0 && listen(listener, 1) == 0);
    MUST(getsockname(listener, (void*)&a, &n) == 0);
    ends[0] = socket(AF_INET, SOCK_STREAM, 0);
    MUST(connect(ends[0], (void*)&a, sizeof(a)) == 0);
    ends[1] = accept(listener, NULL, NULL);
    close(listener);
}

static void* receives(void* arg)
{
    static unsigned char got[bytes];
    long wrong = 0;

    (void)arg;
    for (int round = 0; round < rounds; round++) {
        size_t have = 0;

        while (have < bytes) {
            ssize_t n = read(ends[1], got + have, bytes - have);

            MUST(n > 0);
            have += (size_t)n;
        }
        for (size_t i = 0; i < bytes; i++)
            wrong += got[i] != (unsigned char)(i * 13 + i / 4096 + (size_t)round);
    }
    printf("wrong bytes: %ld\n", wrong);
    return NULL;
}

static unsigned reap(unsigned expected)
{
    unsigned done = 0;

    while (done < expected) {
        char control[100];
        struct msghdr m = {.msg_control = control, .msg_controllen = sizeof(control)};
        struct pollfd p = {.fd = ends[0]};
        struct sock_extended_err* e;

        MUST(poll(&p, 1, 10000) == 1);
        if (recvmsg(ends[0], &m, MSG_ERRQUEUE) < 0)
            continue;
        e = (void*)CMSG_DATA(CMSG_FIRSTHDR(&m));
        MUST(e->ee_origin == SO_EE_ORIGIN_ZEROCOPY && e->ee_errno == 0);
        done += e->ee_data - e->ee_info + 1;
    }
    return done;
}

static void zerocopy(void)
{
    int one = 1;
    unsigned sends = 0;
    pthread_t t;

    connect_them();
    SHOW(setsockopt(ends[0], SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)));
    MUST(pthread_create(&t, NULL, receives, NULL) == 0);
    for (int round = 0; round < rounds; round++) {
        unsigned char* at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        size_t sent = 0;

        MUST(at != MAP_FAILED);
        for (size_t i = 0; i < bytes; i++)
            at[i] = (unsigned char)(i * 13 + i / 4096 + (size_t)round);
        while (sent < bytes) {
            ssize_t n = send(ends[0], at + sent, bytes - sent, MSG_ZEROCOPY);

            if (n < 0 && errno == ENOBUFS) {
                reap(sends);
                sends = 0;
                continue;
            }
            MUST(n > 0);
            sent += (size_t)n;
            sends++;
        }
        munmap(at, bytes); /* what is on its way stays what it is */
    }
    pthread_join(t, NULL);
    printf("told of all: %d\n", reap(sends) == sends);
    close(ends[0]);
    close(ends[1]);
}

static void between_files(void)
{
    static char text[20000], back[20000];
    off_t at = 100;
    int in = open("in", O_CREAT | O_RDWR, 0600), out = open("out", O_CREAT | O_RDWR, 0600), one[2], two[2];

    for (unsigned i = 0; i < sizeof(text); i++)
        text[i] = (char)(i % 251);
    MUST(write(in, text, sizeof(text)) == sizeof(text) && pipe(one) == 0 && pipe(two) == 0);
    SHOW(sendfile(out, in, &at, 10000));
    printf("offset %ld, the same: %d\n", (long)at,
           pread(out, back, 10000, 0) == 10000 && !memcmp(back, text + 100, 10000));
    SHOW(sendfile(out, in, (off_t*)8, 10));
    SHOW(sendfile(out, -1, NULL, 10));
    at = 0;
    SHOW(splice(in, &at, one[1], NULL, 8192, 0));
    SHOW(tee(one[0], two[1], 8192, 0));
    SHOW(splice(one[0], NULL, out, NULL, 8192, 0));
    printf("the same: %d\n", read(two[0], back, 8192) == 8192 && !memcmp(back, text, 8192));
    SHOW(splice(one[0], NULL, out, NULL, 10, SPLICE_F_NONBLOCK));
    SHOW(splice(in, NULL, out, NULL, 10, 0));
    SHOW(copy_file_range(in, &at, out, NULL, 5000, 0));
    printf("size %ld\n", (long)lseek(out, 0, SEEK_END));
}

int main(void)
{
    zerocopy();
    between_files();
    return 0;
}
