/* SPDX-License-Identifier: BSD-2-Clause */
/* process_vm_readv, process_vm_writev between processes: every size and alignment, memory that is not there or not
 * writable, copy-on-write pages, and the right to reach another process, which comes and goes. */
/* covers: process_vm_readv, process_vm_writev */
#include "show.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { page = 4096, bytes = 3 << 20 };

static unsigned char* shared_byte; /* MAP_SHARED: steps of the two */
static unsigned char* there;       /* at the same address in both */
static unsigned char* here;

static void* fresh(size_t n, int flags)
{
    void* at = mmap(NULL, n, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED)
        exit(2);
    return at;
}

static void fill(unsigned char* at, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++)
        at[i] = (unsigned char)((i * 31 + i / 4096 + seed) & 0xff);
}

static unsigned sum(const unsigned char* at, size_t n)
{
    unsigned s = 0;

    for (size_t i = 0; i < n; i++)
        s = s * 33 + at[i];
    return s;
}

static void wait_for(unsigned char step)
{
    while (__atomic_load_n(shared_byte, __ATOMIC_ACQUIRE) != step)
        usleep(1000);
}

static void tell(unsigned char step)
{
    __atomic_store_n(shared_byte, step, __ATOMIC_RELEASE);
}

static pid_t child(void (*body)(void))
{
    pid_t pid = fork();

    if (pid == 0) {
        body();
        _exit(0);
    }
    return pid;
}

static void be_read(void)
{
    fill(there, bytes, 5);
    mprotect(there + 20 * page, page, PROT_READ);
    mprotect(there + 30 * page, page, PROT_NONE);
    munmap(there + 40 * page, page);
    tell(1);
    wait_for(2);
    printf("child has %08x\n", sum(there, 20 * page));
    fflush(stdout);
    tell(3);
    wait_for(4);
}

static long read_at(pid_t pid, size_t local, size_t remote, size_t n)
{
    struct iovec l = {here + local, n}, r = {there + remote, n};

    return process_vm_readv(pid, &l, 1, &r, 1, 0);
}

static long write_at(pid_t pid, size_t local, size_t remote, size_t n)
{
    struct iovec l = {here + local, n}, r = {there + remote, n};

    return process_vm_writev(pid, &l, 1, &r, 1, 0);
}

static void sizes_and_holes(void)
{
    static const size_t sizes[] = {1, 7, 4095, 4096, 4097, 65536, 65537, 1 << 20, 2 << 20};
    pid_t pid = child(be_read);

    wait_for(1);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t at = 50 * page + 13 * i;
        long n;

        memset(here, 0, bytes);
        n = read_at(pid, 3 * i, at, sizes[i]);
        printf("read %zu: %ld %08x\n", sizes[i], n, sum(here, bytes));
    }
    printf("read-only %ld\n", read_at(pid, 0, 20 * page, page));
    SHOW(read_at(pid, 0, 30 * page, page));
    SHOW(read_at(pid, 0, 40 * page, page));
    printf("up to a hole: %ld\n", read_at(pid, 0, 38 * page + 100, 4 * page));
    SHOW(write_at(pid, 0, 20 * page, page));
    printf("up to what is read-only: %ld\n", write_at(pid, 0, 19 * page, 2 * page));
    /* The child's are copies since the fork, as ours are: a write reaches one of them only. */
    fill(here, bytes, 77);
    printf("write %ld\n", write_at(pid, 5, 10, 12 * page));
    printf("ours is %08x\n", sum(there, 20 * page));
    {
        struct iovec l[3] = {{here, 5}, {here + 2 * page, 0}, {here + 3 * page, 9000}};
        struct iovec r[4] = {
            {there + 17, 1}, {there + 15 * page, 6000}, {there, 0}, {there + 60 * page, 5000}};

        printf("vectors %ld %08x\n", process_vm_readv(pid, l, 3, r, 4, 0), sum(here, 5 * page));
        SHOW(process_vm_readv(pid, l, 3, r, 4, 1));
        SHOW(process_vm_readv(pid, l, 1025, r, 4, 0));
        SHOW(process_vm_readv(pid, l, 0, r, 4, 0));
        SHOW(process_vm_readv(pid, l, 3, r, 0, 0));
        r[0].iov_len = (size_t)-1;
        SHOW(process_vm_readv(pid, l, 3, r, 4, 0));
        SHOW(process_vm_readv(pid, NULL, 3, r, 4, 0));
    }
    mprotect(here + 100 * page, page, PROT_READ);
    SHOW(read_at(pid, 100 * page, 0, page));
    printf("up to our read-only page: %ld\n", read_at(pid, 99 * page, 0, 2 * page));
    tell(2);
    wait_for(3);
    /* Memory that it shares with us by mmap. */
    {
        struct iovec l = {here, 1}, r = {shared_byte, 1};

        printf("shared %ld\n", process_vm_readv(pid, &l, 1, &r, 1, 0));
        printf("it is %d\n", here[0]);
    }
    tell(4);
    waitpid(pid, NULL, 0);
    SHOW(read_at(pid, 0, 0, page));
}

static void hide(void)
{
    if (setuid(65534) != 0)
        _exit(1);
    prctl(PR_SET_DUMPABLE, 1);
    tell(1);
    wait_for(2);
    prctl(PR_SET_DUMPABLE, 0);
    tell(3);
    wait_for(4);
}

static pid_t hidden;
static pid_t root_pid;

static void look_for_it(void)
{
    if (setuid(65534) != 0)
        _exit(1);
    SHOW(read_at(root_pid, 0, 0, 100));
    printf("same user: %ld\n", read_at(hidden, 0, 0, 100));
    printf("again: %ld\n", read_at(hidden, 0, 0, 100));
    tell(2);
    wait_for(3);
    SHOW(read_at(hidden, 0, 0, 100));
    SHOW(read_at(getpid(), 0, 0, 100));
    fflush(stdout);
    tell(4);
}

static void rights(void)
{
    pid_t looker;

    tell(0);
    root_pid = getpid();
    memset(there, 1, page);
    hidden = child(hide);
    wait_for(1);
    looker = child(look_for_it);
    waitpid(looker, NULL, 0);
    tell(4);
    waitpid(hidden, NULL, 0);
}

int main(void)
{
    setlinebuf(stdout);
    shared_byte = fresh(page, MAP_SHARED);
    there = fresh(bytes, MAP_PRIVATE);
    here = fresh(bytes, MAP_PRIVATE);
    fill(there, bytes, 1);
    sizes_and_holes();
    if (geteuid() == 0)
        rights();
    return 0;
}
