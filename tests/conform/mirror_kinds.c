// SPDX-License-Identifier: BSD-2-Clause
// The kinds of shared memory: anonymous, memfd, /dev/zero, POSIX; mremap of it; memory of a device.
// covers: mmap, mremap, munmap, memfd_create, msync
#include "show.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096 };

static void exercise(const char* what, char* p, int fd)
{
    char text[8] = "";
    printf("%s\n", what);
    MUST(p != MAP_FAILED);
    for (int i = 0; i < 300; i++)
        p[i * PAGE] = (char)i;
    int wrong = 0;
    for (int i = 0; i < 300; i++)
        wrong += p[i * PAGE] != (char)i;
    SHOW(wrong);
    strcpy(p + 17, "text");
    if (fd >= 0) {
        SHOW(pread(fd, text, 5, 17));
        printf("%s\n", text);
    }
    SHOW(msync(p, 300 * PAGE, MS_SYNC));
    // Move, grow, shrink.
    char* q = mremap(p, 300 * PAGE, 200 * PAGE, 0);
    SHOW(q == p);
    q = mremap(p, 200 * PAGE, 290 * PAGE, MREMAP_MAYMOVE);
    MUST(q != MAP_FAILED);
    printf("%s %d %d\n", q + 17, q[199 * PAGE], q[289 * PAGE]);
    char* room = mmap(NULL, 400 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    p = mremap(q, 290 * PAGE, 250 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room + 40 * PAGE);
    SHOW(p == room + 40 * PAGE);
    printf("%s %d %d\n", p + 17, p[199 * PAGE], p[249 * PAGE]);
    // A second mapping of the same pages.
    q = mremap(p, 0, 10 * PAGE, MREMAP_MAYMOVE);
    MUST(q != MAP_FAILED);
    q[5 * PAGE] = 'Q';
    printf("%c %s\n", p[5 * PAGE], q + 17);
    SHOW(munmap(q, 10 * PAGE));
    SHOW_OK(mremap(p, 250 * PAGE, 251 * PAGE, 0) == MAP_FAILED ? -1 : 0);
    SHOW(munmap(room, 400 * PAGE));
}

int main(void)
{
    const size_t bytes = 300 * PAGE;
    const int rw = PROT_READ | PROT_WRITE;
    exercise("anonymous", mmap(NULL, bytes, rw, MAP_SHARED | MAP_ANONYMOUS, -1, 0), -1);
    exercise("populated", mmap(NULL, bytes, rw, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0), -1);
    int fd = memfd_create("conform", 0);
    MUST(fd >= 0 && ftruncate(fd, (off_t)bytes) == 0);
    exercise("memfd", mmap(NULL, bytes, rw, MAP_SHARED, fd, 0), fd);
    close(fd);
    fd = open("/dev/zero", O_RDWR);
    MUST(fd >= 0);
    exercise("/dev/zero", mmap(NULL, bytes, rw, MAP_SHARED, fd, 0), -1);
    close(fd);
    char name[32];
    snprintf(name, sizeof name, "/conform-%d", getpid());
    fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    MUST(fd >= 0 && ftruncate(fd, (off_t)bytes) == 0);
    exercise("POSIX", mmap(NULL, bytes, rw, MAP_SHARED, fd, 0), fd);
    SHOW(shm_unlink(name));
    close(fd);
    SHOW_OK(mmap(NULL, PAGE, rw, MAP_SHARED_VALIDATE | MAP_SYNC, open("/dev/zero", O_RDWR), 0));

    // Shared and private ones side by side, in one mprotect, one munmap.
    char* p = mmap(NULL, 6 * PAGE, rw, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(mmap(p + 2 * PAGE, 2 * PAGE, rw, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p + 2 * PAGE);
    for (int i = 0; i < 6; i++)
        p[i * PAGE] = (char)i;
    SHOW(mprotect(p, 6 * PAGE, PROT_READ));
    SHOW(read(open("/dev/zero", O_RDONLY), p + PAGE, 4 * PAGE));
    SHOW(mprotect(p, 6 * PAGE, rw));
    SHOW(read(open("/dev/zero", O_RDONLY), p + PAGE, 2 * PAGE));
    printf("%d %d %d %d %d %d\n", p[0], p[PAGE], p[2 * PAGE], p[3 * PAGE], p[4 * PAGE], p[5 * PAGE]);
    SHOW(munmap(p, 6 * PAGE));
    p = mmap(p, 6 * PAGE, rw, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    MUST(p != MAP_FAILED);
    printf("%d\n", p[2 * PAGE]);
    SHOW(read(open("/dev/zero", O_RDONLY), p, 6 * PAGE));

    fd = open("/dev/mem", O_RDONLY);
    if (fd < 0) {
        printf("no /dev/mem\n");
        return 0;
    }
    for (int private = 0; private < 2; private ++) {
        p = mmap(NULL, 16 * PAGE, PROT_READ, private ? MAP_PRIVATE : MAP_SHARED, fd, 0xf0000);
        if (p == MAP_FAILED) {
            printf("BIOS: %s\n", strerrorname_np(errno));
            continue;
        }
        unsigned sum = 0;
        for (int i = 0; i < 16 * PAGE; i++)
            sum = sum * 31 + (unsigned char)p[i];
        printf("BIOS: %u\n", sum);
        SHOW(munmap(p, 16 * PAGE));
    }
    return 0;
}
