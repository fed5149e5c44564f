/* SPDX-License-Identifier: BSD-2-Clause */
/* Linux, working for the program, meets the program's own page permissions. */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
    char* page = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fds[2];
    char c;

    CHECK(page != MAP_FAILED && pipe(fds) == 0);
    CHECK(write(fds[1], "abcdefgh", 8) == 8);

    /* Touched first by Linux, then by us. */
    CHECK(read(fds[0], page, 1) == 1 && page[0] == 'a');
    /* Read-only: both where it was writable before and where nothing was. */
    CHECK(mprotect(page, 2 * 4096, PROT_READ) == 0);
    CHECK_ERRNO(read(fds[0], page, 1), EFAULT);
    CHECK_ERRNO(read(fds[0], page + 4096, 1), EFAULT);
    CHECK(write(fds[1], page, 1) == 1);
    CHECK(write(fds[1], page + 4096, 1) == 1);
    CHECK_ERRNO(stat("/", (struct stat*)page), EFAULT);
    /* No access, and back. */
    CHECK(mprotect(page, 4096, PROT_NONE) == 0);
    CHECK_ERRNO(write(fds[1], page, 1), EFAULT);
    CHECK_ERRNO(open(page, O_RDONLY), EFAULT);
    CHECK(mprotect(page, 4096, PROT_READ | PROT_WRITE) == 0);
    CHECK(page[0] == 'a');
    CHECK(read(fds[0], page + 1, 1) == 1 && page[1] == 'b');
    /* Gone. */
    CHECK(munmap(page, 4096) == 0);
    CHECK_ERRNO(write(fds[1], page, 1), EFAULT);
    CHECK_ERRNO(read(fds[0], page, 1), EFAULT);
    CHECK_ERRNO(write(fds[1], (char*)0x1000, 1), EFAULT);
    CHECK_ERRNO(write(fds[1], (char*)0xffffffff80000000ul, 1), EFAULT);
    /* A transfer that crosses into the hole is cut there. */
    CHECK(mprotect(page + 4096, 4096, PROT_READ | PROT_WRITE) == 0 && munmap(page + 8192, 4096) == 0);
    CHECK(read(fds[0], page + 8190, 100) >= 0 || errno == EFAULT);
    /* Text is read-only for Linux too. */
    CHECK_ERRNO(read(fds[0], (void*)main, 1), EFAULT);
    CHECK(read(fds[0], &c, 1) == 1);
    printf("ok efault\n");
    return 0;
}
