// SPDX-License-Identifier: BSD-2-Clause
// A file that is mapped privately and changes: whoever maps it anew sees what is in it now, however it was changed,
// and what was written to a private page stays the writer's own.
// covers: mmap, munmap, mprotect
#include "show.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul
#define PAGES 40ul

static const char* path = "changing";

static void write_all(char fill)
{
    char page[PAGE];
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    MUST(fd >= 0);
    for (unsigned i = 0; i < PAGES; i++) {
        memset(page, fill + (int)(i % 16), PAGE);
        MUST(pwrite(fd, page, PAGE, (off_t)(i * PAGE)) == (ssize_t)PAGE);
    }
    close(fd);
}

// The first letter of some pages, by a mapping of its own.
static void look(const char* when, int prot)
{
    int fd = open(path, O_RDONLY);
    MUST(fd >= 0);
    char* a = mmap(NULL, PAGES * PAGE, prot, MAP_PRIVATE, fd, 0);
    MUST(a != MAP_FAILED);
    printf("%s: %c%c%c%c\n", when, a[0], a[PAGE + 5], a[17 * PAGE], a[(PAGES - 1) * PAGE + PAGE - 1]);
    if (prot & PROT_WRITE)
        memset(a, '#', PAGES * PAGE); // nobody else is to see it
    MUST(munmap(a, PAGES * PAGE) == 0);
    close(fd);
}

static void look_thrice(const char* when)
{
    look(when, PROT_READ);
    look(when, PROT_READ | PROT_WRITE);
    look(when, PROT_READ | PROT_EXEC);
}

static void store_by_shared_mapping(char what)
{
    int fd = open(path, O_RDWR);
    MUST(fd >= 0);
    char* a = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    MUST(a != MAP_FAILED);
    a[0] = what;
    look("while it is mapped shared", PROT_READ);
    a[PAGE + 5] = what;
    look("once more", PROT_READ);
    MUST(munmap(a, PAGES * PAGE) == 0);
    close(fd);
}

// Nobody looks meanwhile: whether the file was changed has to be seen afterwards.
static void store_unseen(char what)
{
    int fd = open(path, O_RDWR);
    MUST(fd >= 0);
    char* a = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    MUST(a != MAP_FAILED);
    a[0] = a[PAGE + 5] = what;
    MUST(munmap(a, PAGES * PAGE) == 0);
    close(fd);
}

static void child_and_parent(void)
{
    int fd = open(path, O_RDONLY);
    MUST(fd >= 0);
    char* a = mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    MUST(a != MAP_FAILED);
    printf("before the fork %c\n", a[PAGE]);
    fflush(stdout);
    MUST(mprotect(a, 4 * PAGE, PROT_READ | PROT_WRITE) == 0);
    a[0] = 'p';
    pid_t pid = fork();
    if (pid == 0) {
        printf("child sees %c %c\n", a[0], a[PAGE]);
        a[0] = 'c';
        a[PAGE] = 'c';
        a[2 * PAGE] = 'c';
        fflush(stdout);
        _exit(0);
    }
    MUST(waitpid(pid, NULL, 0) == pid);
    printf("parent sees %c %c %c\n", a[0], a[PAGE], a[2 * PAGE]);
    a[2 * PAGE] = 'q';
    MUST(munmap(a, 4 * PAGE) == 0);
    close(fd);
}

int main(void)
{
    struct timespec settle = {3, 100000000};
    unlink(path);
    write_all('a');
    look_thrice("just written");
    write_all('b');
    look_thrice("written again at once");
    nanosleep(&settle, NULL); // from now on its contents may be kept
    look_thrice("settled");
    look_thrice("settled, again");
    child_and_parent();
    look_thrice("after those");
    write_all('c');
    look_thrice("written again");
    nanosleep(&settle, NULL);
    look("settled", PROT_READ);
    store_by_shared_mapping('S');
    look_thrice("stored to");
    store_by_shared_mapping('T');
    look_thrice("stored to again");
    nanosleep(&settle, NULL);
    look("settled", PROT_READ);
    store_unseen('U');
    look_thrice("stored to unseen");
    // The same name, another file of the same size.
    SHOW(rename(path, "old"));
    write_all('d');
    look_thrice("another file");
    SHOW(truncate(path, PAGE + 6));
    SHOW(truncate(path, PAGES * PAGE));
    int fd = open(path, O_RDONLY);
    char* a = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    printf("cut and grown: %c %c %d %d\n", a[0], a[PAGE + 5], a[PAGE + 6], a[17 * PAGE]);
    unlink(path);
    unlink("old");
    return 0;
}
