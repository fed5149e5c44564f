// SPDX-License-Identifier: BSD-2-Clause
// Files as Linux keeps them: holes, links, renames, extents, large and scattered transfers, directories.
#include "show.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

static void transfers(int fd)
{
    const size_t size = 48 << 20;
    char* big = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int zero = open("/dev/zero", O_RDONLY), out = open("out", O_RDWR | O_CREAT, 0600), ends[2];
    MUST(big != MAP_FAILED && zero >= 0 && out >= 0 && pipe(ends) == 0);
    /* Into memory that is not there yet, and all of it. */
    SHOW(read(zero, big, size));
    memset(big, 'q', 1000000);
    SHOW(pwrite(fd, big, 1000000, 5));
    struct iovec parts[100];
    for (int i = 0; i < 100; i++)
        parts[i] = (struct iovec){big + i * 40001, 1 + i * 3};
    SHOW(preadv(fd, parts, 100, 0));
    printf("first byte %d, sixth %c\n", big[0], big[40001 * 3]);
    SHOW(pwritev(out, parts, 100, 100));
    SHOW(sendfile(out, fd, &(off_t){0}, 5000));
    SHOW(lseek(out, 0, SEEK_CUR));
    SHOW(splice(fd, &(off_t){0}, ends[1], NULL, 4096, 0));
    SHOW(splice(ends[0], NULL, out, NULL, 4096, 0));
    SHOW(tee(ends[0], ends[1], 10, 0));
    SHOW(copy_file_range(fd, &(off_t){5}, out, &(off_t){0}, 100, 0));
    struct iovec page = {big, 4096};
    SHOW(vmsplice(ends[1], &page, 1, 0));
    SHOW(read(ends[0], big + 8192, 10000));
    SHOW(read(-1, big, 10));
    SHOW(pread(fd, big, 10, 1 << 30));
    munmap(big, size);
}

int main(void)
{
    struct stat about;
    int fd = open("f", O_RDWR | O_CREAT | O_EXCL, 0644);
    MUST(fd >= 0);
    SHOW(open("f", O_RDWR | O_CREAT | O_EXCL, 0644));
    SHOW(pwrite(fd, "end", 3, 1 << 20));
    SHOW(lseek(fd, 0, SEEK_DATA));
    SHOW(lseek(fd, 0, SEEK_HOLE));
    SHOW(lseek(fd, -1, SEEK_SET));
    SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1 << 20, 4096));
    SHOW(fallocate(fd, 0, 0, 8192));
    SHOW(ftruncate(fd, 3000000));
    SHOW(ftruncate(fd, -1));
    transfers(fd);
    SHOW(link("f", "g"));
    SHOW(symlink("f", "s"));
    SHOW(symlink("s", "s"));
    SHOW(open("s", O_RDONLY | O_NOFOLLOW));
    SHOW(rename("g", "h"));
    SHOW(renameat2(AT_FDCWD, "h", AT_FDCWD, "f", RENAME_NOREPLACE));
    SHOW(mkdir("d", 0751));
    SHOW(rmdir("f"));
    SHOW(unlink("d"));
    SHOW(rename("d", "f"));
    SHOW(mkdir("d/e", 0700));
    SHOW(rmdir("d"));
    SHOW(chmod("f", 0604));
    SHOW(stat("f", &about));
    printf("mode %o, %ld links, %ld bytes\n", about.st_mode, (long)about.st_nlink, (long)about.st_size);
    SHOW(utimensat(AT_FDCWD, "f", (struct timespec[2]){{1, 2}, {3, 4}}, 0));
    SHOW(stat("f", &about));
    printf("times %ld.%ld %ld.%ld\n", about.st_atim.tv_sec, about.st_atim.tv_nsec, about.st_mtim.tv_sec,
           about.st_mtim.tv_nsec);
    SHOW(mknod("fifo", S_IFIFO | 0600, 0));
    SHOW(open("fifo", O_WRONLY | O_NONBLOCK));
    SHOW(access("f", X_OK));
    SHOW(setxattr("f", "user.x", "1", 1, 0));
    int count = 0;
    DIR* folder = opendir("/usr/bin");
    while (readdir(folder))
        count++;
    printf("many entries: %d\n", count > 100);
    SHOW(closedir(folder));
    SHOW(fsync(fd));
    SHOW(syncfs(fd));
    return 0;
}
