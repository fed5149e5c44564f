// SPDX-License-Identifier: BSD-2-Clause
// TCP, UDP and Unix sockets among threads: an echo server with eight clients, descriptors passed, errors as they are.
#include "show.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CLIENTS = 8, ROUNDS = 50 };
static struct sockaddr_in where = {.sin_family = AF_INET};
static int listener;

static void* serve(void* number)
{
    char text[256];
    long n, fd = (long)number;
    while ((n = recv(fd, text, sizeof text, 0)) > 0)
        MUST(send(fd, text, n, MSG_NOSIGNAL) == n);
    close(fd);
    return NULL;
}

static void* acceptor(void* unused)
{
    pthread_t threads[CLIENTS];
    (void)unused;
    for (int n = 0; n < CLIENTS; n++) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        MUST(fd >= 0 && pthread_create(&threads[n], NULL, serve, (void*)(long)fd) == 0);
    }
    for (int n = 0; n < CLIENTS; n++)
        pthread_join(threads[n], NULL);
    return NULL;
}

static void* client(void* number)
{
    char text[64], back[64];
    long good = 0;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    MUST(fd >= 0 && connect(fd, (struct sockaddr*)&where, sizeof where) == 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    for (int i = 0; i < ROUNDS; i++) {
        int length = snprintf(text, sizeof text, "client %ld says %d", (long)number, i);
        MUST(send(fd, text, length, 0) == length);
        MUST(recv(fd, back, length, MSG_WAITALL) == length);
        good += memcmp(text, back, length) == 0;
    }
    close(fd);
    return (void*)good;
}

static void pass_descriptor(void)
{
    int pair[2], ends[2], got;
    char control[CMSG_SPACE(sizeof(int))] = "", byte = 'x', text[8] = "";
    struct iovec one = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &one, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0 && pipe(ends) == 0);
    struct cmsghdr* header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(header), &ends[1], sizeof(int));
    SHOW(sendmsg(pair[0], &message, 0));
    memset(control, 0, sizeof control);
    SHOW(recvmsg(pair[1], &message, MSG_CMSG_CLOEXEC));
    memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
    printf("another number: %d, close-on-exec: %d\n", got != ends[1], fcntl(got, F_GETFD));
    SHOW(write(got, "passed", 6));
    SHOW(read(ends[0], text, 6));
    printf("%s\n", text);
}

static void errors(void)
{
    int stream[2], udp = socket(AF_INET, SOCK_DGRAM, 0), fresh = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_un path = {AF_UNIX, "socket"};
    struct sockaddr_in nobody = {
        .sin_family = AF_INET, .sin_port = htons(1), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int unix_socket = socket(AF_UNIX, SOCK_STREAM, 0);

    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, stream) == 0);
    SHOW(socket(12345, SOCK_STREAM, 0));
    SHOW(socket(AF_INET, 99, 0));
    SHOW(recv(stream[0], &(char){0}, 1, 0));
    SHOW(listen(stream[0], 1));
    SHOW(getpeername(fresh, NULL, NULL));
    SHOW(recv(fresh, &(char){0}, 1, 0));
    SHOW(send(fresh, "", 1, MSG_NOSIGNAL));
    SHOW(connect(fresh, (struct sockaddr*)&nobody, sizeof nobody));
    SHOW(send(udp, "", 1, 0));
    SHOW(bind(unix_socket, (struct sockaddr*)&path, sizeof path));
    SHOW(bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr*)&path, sizeof path));
    SHOW(connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr*)&path, sizeof path));
    close(stream[1]);
    SHOW(send(stream[0], "x", 1, MSG_NOSIGNAL));
    SHOW(recv(stream[0], &(char){0}, 1, 0));
    SHOW(setsockopt(udp, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){0, 30000}, sizeof(struct timeval)));
    SHOW(bind(udp, (struct sockaddr*)&(struct sockaddr_in){.sin_family = AF_INET},
              sizeof(struct sockaddr_in)));
    SHOW(recv(udp, &(char){0}, 1, 0));
}

int main(void)
{
    pthread_t server, threads[CLIENTS];
    socklen_t length = sizeof where;
    void* good;

    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    MUST((listener = socket(AF_INET, SOCK_STREAM, 0)) >= 0);
    MUST(bind(listener, (struct sockaddr*)&where, sizeof where) == 0 && listen(listener, CLIENTS) == 0);
    MUST(getsockname(listener, (struct sockaddr*)&where, &length) == 0);
    MUST(pthread_create(&server, NULL, acceptor, NULL) == 0);
    for (long n = 0; n < CLIENTS; n++)
        MUST(pthread_create(&threads[n], NULL, client, (void*)n) == 0);
    for (int n = 0; n < CLIENTS; n++) {
        pthread_join(threads[n], &good);
        printf("client %d: %ld good\n", n, (long)good);
    }
    pthread_join(server, NULL);
    pass_descriptor();
    errors();
    return 0;
}
