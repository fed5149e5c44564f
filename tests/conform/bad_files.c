// SPDX-License-Identifier: BSD-2-Clause
// Calls on files that Linux makes for the program, with bad pointers.
// covers: read, write, pread64, pwrite64, readv, writev, preadv, pwritev, preadv2, pwritev2, open, openat, openat2
// covers: stat, fstat, lstat, newfstatat, statx, access, faccessat, readlink, readlinkat, getcwd, chdir, mkdir, rename
// covers: statfs, fstatfs, getdents64, ioctl, fcntl, sendfile, copy_file_range, splice, vmsplice, utimensat, truncate
// covers: getxattr, setxattr, listxattr, name_to_handle_at, memfd_create, inotify_add_watch, pipe, pipe2
#include "bad.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>

#define SKIP_NULL (1 << BAD_NULL)
#define SKIP_READONLY (1 << BAD_READONLY)
#define SKIP_EDGES (1 << BAD_EDGE | 1 << BAD_EDGE_NONE)

static const struct bad_row paths[] = {
    {"open", SYS_open, 4096, {P, O_RDONLY}, 0},
    {"openat", SYS_openat, 4096, {AT_FDCWD, P, O_RDONLY}, 0},
    {"openat2 how",
     SYS_openat2,
     sizeof(struct open_how),
     {AT_FDCWD, (long)"f", P, sizeof(struct open_how)},
     0},
    {"stat path", SYS_stat, 64, {P, GOOD}, 0},
    {"stat", SYS_stat, sizeof(struct stat), {(long)"/", P}, 0},
    {"fstat", SYS_fstat, sizeof(struct stat), {FD, P}, 0},
    {"lstat", SYS_lstat, sizeof(struct stat), {(long)"/", P}, 0},
    {"newfstatat", SYS_newfstatat, sizeof(struct stat), {AT_FDCWD, (long)"/", P, 0}, 0},
    {"statx", SYS_statx, 256, {AT_FDCWD, (long)"/", 0, 0x7ff, P}, 0},
    {"access", SYS_access, 64, {P, R_OK}, 0},
    {"faccessat", SYS_faccessat, 64, {AT_FDCWD, P, R_OK}, 0},
    {"readlink path", SYS_readlink, 64, {P, GOOD, 64}, 0},
    {"readlink", SYS_readlink, 2, {(long)"link", P, 64}, 0},
    {"readlinkat", SYS_readlinkat, 2, {AT_FDCWD, (long)"link", P, 64}, 0},
    {"getcwd", SYS_getcwd, 8, {P, 4096}, 0},
    {"chdir", SYS_chdir, 64, {P}, 0},
    {"mkdir", SYS_mkdir, 64, {P, 0700}, 0},
    {"rename from", SYS_rename, 64, {P, (long)"g"}, 0},
    {"rename to", SYS_rename, 64, {(long)"f", P}, 0},
    {"truncate", SYS_truncate, 64, {P, 0}, 0},
    {"statfs", SYS_statfs, sizeof(struct statfs), {(long)"/", P}, 0},
    {"fstatfs", SYS_fstatfs, sizeof(struct statfs), {FD, P}, 0},
    {"utimensat times", SYS_utimensat, 32, {AT_FDCWD, (long)"f", P, 0}, SKIP_NULL},
    {"getxattr name", SYS_getxattr, 64, {(long)"f", P, GOOD, 16}, 0},
    {"setxattr value", SYS_setxattr, 16, {(long)"f", (long)"user.a", P, 16, 0}, SKIP_NULL | SKIP_READONLY},
    {"listxattr", SYS_listxattr, 64, {(long)"f", P, 64}, SKIP_READONLY | SKIP_NULL},
    {"name_to_handle_at", SYS_name_to_handle_at, 16, {AT_FDCWD, (long)"f", P, GOOD, 0}, 0},
    {"memfd_create", SYS_memfd_create, 64, {P, 0}, SKIP_READONLY | SKIP_EDGES},
    {"pipe", SYS_pipe, 8, {P}, 0},
    {"pipe2", SYS_pipe2, 8, {P, O_CLOEXEC}, 0},
    {"pipe2 flags", SYS_pipe2, 8, {P, 0x7777}, 0},
    {"inotify_add_watch", SYS_inotify_add_watch, 64, {FD, P, 1}, 0},
};

/* On /dev/zero, which takes all and gives all. */
static const struct bad_row transfers[] = {
    {"read", SYS_read, 100, {FD, P, 100}, 0},
    {"read nothing", SYS_read, 0, {FD, P, 0}, 0},
    {"read much", SYS_read, 100, {FD, P, -1}, 0},
    {"pread64", SYS_pread64, 100, {FD, P, 100, 0}, 0},
    {"readv", SYS_readv, sizeof(struct iovec), {FD, P, 1}, 0},
    {"readv count", SYS_readv, sizeof(struct iovec), {FD, P, 1025}, 0},
    {"readv negative", SYS_readv, sizeof(struct iovec), {FD, P, -1}, 0},
    {"readv none", SYS_readv, sizeof(struct iovec), {FD, P, 0}, 0},
    {"preadv", SYS_preadv, sizeof(struct iovec), {FD, P, 1, 0, 0}, 0},
    {"preadv2", SYS_preadv2, sizeof(struct iovec), {FD, P, 1, 0, 0, 0}, 0},
    {"preadv2 flags", SYS_preadv2, sizeof(struct iovec), {FD, P, 1, 0, 0, 0x7000}, 0},
    {"writev", SYS_writev, sizeof(struct iovec), {FD, P, 1}, 0},
    {"pwritev", SYS_pwritev, sizeof(struct iovec), {FD, P, 1, 0, 0}, 0},
    {"pwritev2", SYS_pwritev2, sizeof(struct iovec), {FD, P, 1, 0, 0, 0}, 0},
};

/* On a file, where each byte is copied. */
static const struct bad_row on_file[] = {
    {"write", SYS_write, 100, {FD, P, 100}, SKIP_EDGES},
    {"pwrite64", SYS_pwrite64, 100, {FD, P, 100, 0}, SKIP_EDGES},
    {"pwrite64 offset", SYS_pwrite64, 100, {FD, P, 100, -1}, 0},
    {"pread64 file", SYS_pread64, 100, {FD, P, 100, 0}, SKIP_EDGES},
    {"pread64 offset", SYS_pread64, 100, {FD, P, 100, -1}, 0},
    {"sendfile offset", SYS_sendfile, 8, {FD2, FD, P, 10}, SKIP_NULL},
    {"copy_file_range in", SYS_copy_file_range, 8, {FD, P, FD2, 0, 10, 0}, SKIP_NULL},
    {"copy_file_range out", SYS_copy_file_range, 8, {FD, 0, FD2, P, 10, 0}, SKIP_NULL},
    {"lock", SYS_fcntl, sizeof(struct flock), {FD, F_GETLK, P}, 0},
    {"lock set", SYS_fcntl, sizeof(struct flock), {FD, F_SETLK, P}, 0},
    {"ioctl FIONREAD", SYS_ioctl, 4, {FD, FIONREAD, P}, 0},
    {"ioctl what", SYS_ioctl, 4, {FD, 0x12345, P}, 0},
};

static const struct bad_row on_pipe[] = {
    {"write", SYS_write, 100, {FD, P, 100}, SKIP_EDGES},
    {"splice in", SYS_splice, 8, {FD2, P, FD, 0, 10, 0}, SKIP_NULL},
    {"vmsplice", SYS_vmsplice, sizeof(struct iovec), {FD, P, 1, 2}, 0},
    {"ioctl FIONREAD", SYS_ioctl, 4, {FD, FIONREAD, P}, 0},
};

static const struct bad_row on_folder[] = {
    {"getdents64", SYS_getdents64, 4096, {FD, P, 4096}, SKIP_EDGES},
    {"getdents64 short", SYS_getdents64, 4, {FD, P, 4}, 0},
};

/* An iovec that is good, whose buffer is not. */
static void inner(int zero, int file)
{
    for (int kind = 0; kind < BADS; kind++) {
        char good[50] = "";
        struct iovec v[2] = {{good, sizeof good}, {(void*)bad_pointer(kind, 100), 100}};
        printf("iovec %s:", bad_names[kind]);
        long n = readv(zero, v, 2);
        printf(" readv=%s", n < 0 ? strerrorname_np(errno) : n == 150 ? "all" : n >= 50 ? "part" : "less");
        n = preadv(file, v + 1, 1, 0);
        printf(" preadv=%s", n < 0 ? strerrorname_np(errno) : n ? "some" : "none");
        n = writev(zero, v, 2);
        printf(" writev=%s", n < 0 ? strerrorname_np(errno) : n == 150 ? "all" : "part");
        v[0].iov_len = -1ul;
        n = readv(zero, v, 1);
        printf(" wrapped=%s\n", n < 0 ? strerrorname_np(errno) : "ok");
    }
}

#define RUN(rows, fd, fd2)                                                                                   \
    printf("-- %s\n", #rows);                                                                                \
    bad_run(rows, sizeof(rows) / sizeof(rows)[0], fd, fd2)

int main(void)
{
    int pipes[2];
    setvbuf(stdout, NULL, _IOLBF, 1 << 16);
    bad_init();
    int zero = open("/dev/zero", O_RDWR), file = open("f", O_RDWR | O_CREAT, 0600);
    int other = open("o", O_RDWR | O_CREAT, 0600), folder = open("/usr", O_RDONLY | O_DIRECTORY);
    MUST(zero >= 0 && file >= 0 && other >= 0 && folder >= 0 && pipe(pipes) == 0);
    MUST(ftruncate(file, 10000) == 0 && symlink("somewhere", "link") == 0);
    RUN(paths, file, -1);
    RUN(transfers, zero, -1);
    RUN(on_file, file, other);
    RUN(on_pipe, pipes[1], file);
    RUN(on_folder, folder, -1);
    inner(zero, file);
    return 0;
}
