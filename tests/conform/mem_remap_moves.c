// SPDX-License-Identifier: BSD-2-Clause
// mremap moves pages and all that belongs to them: shared ones, of files, protected ones, large ones, those that
// Linux holds; MREMAP_DONTUNMAP leaves an empty area.
// covers: mremap
#include "show.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096ul
#define MB (1ul << 20)

static char* map(size_t bytes)
{
    char* a = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(a != MAP_FAILED);
    return a;
}

static void stamp(char* a, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += PAGE)
        a[i] = (char)(1 + i / PAGE % 100);
}

static const char* verdict(const char* a, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += PAGE)
        if (a[i] != (char)(1 + i / PAGE % 100))
            return "wrong";
    return "right";
}

// Nothing is there any more, and nothing else gets there.
static void empty(char* room, size_t bytes)
{
    MUST(mmap(room, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) ==
         room);
}

// Moves of large blocks, to places that lie alike and to those that don't.
static void large(void)
{
    char* room = mmap(NULL, 64 * MB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    MUST(room != MAP_FAILED);
    for (size_t off = 0; off <= PAGE * 3; off += PAGE) {
        char* a = map(8 * MB);
        stamp(a, 8 * MB);
        char* b = mremap(a + off, 5 * MB, 6 * MB, MREMAP_MAYMOVE | MREMAP_FIXED, room + 2 * off);
        MUST(b == room + 2 * off);
        printf("%lu: %s", off / PAGE, b[5 * MB] == 0 && b[0] == (char)(1 + off / PAGE) ? "right" : "wrong");
        printf(" %s\n", verdict(b + (100 - off / PAGE % 100) % 100 * PAGE, 3 * MB));
        empty(room, 64 * MB);
        munmap(a, 8 * MB);
    }
    munmap(room, 64 * MB);
}

static void shared_by_fork(void)
{
    char* a = map(4 * PAGE);
    int status;
    stamp(a, 4 * PAGE);
    pid_t pid = fork();
    if (pid == 0) {
        char* b = mremap(a, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE);
        b[0] = 99;
        _exit(b != MAP_FAILED && b[PAGE] == 2 && b[7 * PAGE] == 0 ? 0 : 1);
    }
    MUST(waitpid(pid, &status, 0) == pid);
    printf("child %d, parent %s\n", WEXITSTATUS(status), verdict(a, 4 * PAGE));
    munmap(a, 4 * PAGE);
}

static void of_a_file(void)
{
    char page[PAGE];
    int fd = open("moved", O_RDWR | O_CREAT, 0600);
    for (int i = 0; i < 6; i++) {
        memset(page, 'a' + i, PAGE);
        MUST(write(fd, page, PAGE) == (ssize_t)PAGE);
    }
    char* a = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, PAGE);
    a[PAGE] = '#';
    char* b = mremap(a, 4 * PAGE, 5 * PAGE, MREMAP_MAYMOVE);
    MUST(b != MAP_FAILED);
    printf("file: %c%c%c%c%c\n", b[0], b[PAGE], b[PAGE + 1], b[3 * PAGE], b[4 * PAGE]);
    char* target = map(5 * PAGE);
    char* c = mremap(b + PAGE, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target);
    printf("part of it: %c%c%c\n", c[0], c[PAGE], b[3 * PAGE]);
    SHOW(msync(b + PAGE, PAGE, MS_ASYNC));
    close(fd);
    unlink("moved");
}

static void dont_unmap(void)
{
    char* a = map(4 * PAGE);
    stamp(a, 4 * PAGE);
    char* b = mremap(a, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    MUST(b != MAP_FAILED && b != a);
    printf("left: %d %d, there: %s\n", a[0], a[3 * PAGE], verdict(b, 4 * PAGE));
    a[0] = 5;
    printf("apart: %d %d\n", a[0], b[0]);
    char* target = map(4 * PAGE);
    SHOW(mremap(b, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP | MREMAP_FIXED, target) == target);
    printf("once more: %d %s\n", b[0], verdict(target, 4 * PAGE));
    SHOW_OK(mremap(b, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL));
    SHOW_OK(mremap(b, 4 * PAGE, 4 * PAGE, MREMAP_DONTUNMAP, NULL));
}

// A piece that was put in later is one with what is around it, whatever it is meant for.
static void of_two_pieces(void)
{
    char* a = map(8 * PAGE);
    stamp(a, 8 * PAGE);
    MUST(mmap(a + 2 * PAGE, 3 * PAGE, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_STACK, -1, 0) == a + 2 * PAGE);
    stamp(a, 8 * PAGE);
    char* b = mremap(a, 8 * PAGE, 16 * PAGE, MREMAP_MAYMOVE);
    printf("two pieces: %s\n", b == MAP_FAILED ? strerrorname_np(errno) : verdict(b, 8 * PAGE));
    SHOW(mprotect(b + 12 * PAGE, PAGE, PROT_READ));
    SHOW_OK(mremap(b, 16 * PAGE, 32 * PAGE, MREMAP_MAYMOVE));
}

static void protected_and_held(void)
{
    char* a = map(4 * PAGE);
    stamp(a, 4 * PAGE);
    SHOW(mprotect(a, 4 * PAGE, PROT_NONE));
    char* b = mremap(a, 4 * PAGE, 6 * PAGE, MREMAP_MAYMOVE);
    MUST(b != MAP_FAILED);
    SHOW(write(1, b, 1));
    SHOW(mprotect(b, 6 * PAGE, PROT_READ | PROT_WRITE));
    printf("%s %d\n", verdict(b, 4 * PAGE), b[5 * PAGE]);

    int fds[2];
    char got[PAGE];
    struct iovec piece = {b, PAGE};
    MUST(pipe(fds) == 0);
    b[1] = 'x';
    SHOW(vmsplice(fds[1], &piece, 1, 0));
    char* c = mremap(b, 6 * PAGE, 600 * PAGE, MREMAP_MAYMOVE);
    MUST(c != MAP_FAILED);
    c[1] = 'y';
    SHOW(read(fds[0], got, PAGE));
    printf("the pipe has %c\n", got[1]);
    SHOW(write(fds[1], c, PAGE));
    SHOW(read(fds[0], c + PAGE, PAGE));
    printf("%c\n", c[PAGE + 1]);
}

static char* volatile moving;
static volatile int stop;

// Linux reads what moves all the time: it finds the contents, or nothing (EFAULT).
static void* reads(void* arg)
{
    int* fds = arg;
    char byte;
    while (!stop) {
        if (write(fds[1], moving, 1) != 1)
            continue;
        MUST(read(fds[0], &byte, 1) == 1);
        MUST(byte == 7 || byte == 0);
    }
    return NULL;
}

static void while_others_look(void)
{
    pthread_t thread;
    int fds[2];
    char* places[2] = {map(32 * PAGE), NULL};
    places[1] = places[0] + 16 * PAGE;
    empty(places[1], 16 * PAGE);
    moving = places[0];
    moving[0] = 7;
    MUST(pipe(fds) == 0 && pthread_create(&thread, NULL, reads, fds) == 0);
    for (int i = 1; i <= 300; i++) {
        char* b = mremap(moving, 16 * PAGE, 16 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, places[i % 2]);
        MUST(b != MAP_FAILED && b[0] == 7);
        empty(moving, 16 * PAGE);
        moving = b;
    }
    stop = 1;
    MUST(pthread_join(thread, NULL) == 0);
    printf("moved %d\n", moving[0]);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    large();
    shared_by_fork();
    of_a_file();
    dont_unmap();
    of_two_pieces();
    protected_and_held();
    while_others_look();
    return 0;
}
