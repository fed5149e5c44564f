// SPDX-License-Identifier: BSD-2-Clause
// MAP_HUGETLB, private and shared, memfd and System V: errors, alignment, smaps, SIGBUS where nothing is left.
// It fills Linux's pool itself; the LWK needs that for shared memory only.
// covers: mmap, munmap, mprotect, mremap, madvise, mlock, mincore, shmat
#include "show.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#define MB2 (2ul << 20)
#define PAGE 4096
#define HUGE_ANON (MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB)
#define RW (PROT_READ | PROT_WRITE)
#define SIZED(shift) ((shift) << 26)

static void pool(int pages)
{
    FILE* file = fopen("/proc/sys/vm/nr_hugepages", "w");

    MUST(file && fprintf(file, "%d", pages) > 0 && fclose(file) == 0);
}

static void smaps(const char* what, char* at)
{
    FILE* file = fopen("/proc/self/smaps", "r");
    char line[400];
    int inside = 0;

    printf("%s\n", what);
    while (file && fgets(line, sizeof(line), file)) {
        unsigned long start, end;

        if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
            inside = start <= (unsigned long)at && (unsigned long)at < end;
        else if (inside && (strstr(line, "PageSize") || strstr(line, "Hugetlb") || strstr(line, "Rss")))
            fputs(line, stdout);
    }
    fclose(file);
}

static void sizes(void)
{
    char* a = mmap(NULL, PAGE, RW, HUGE_ANON, -1, 0);

    MUST(a != MAP_FAILED);
    a[MB2 - 1] = 1; // the length is rounded up
    SHOW(munmap(a, PAGE));
    SHOW(munmap(a, MB2));
    a = mmap(NULL, MB2, RW, HUGE_ANON | SIZED(21), -1, 0);
    SHOW(munmap(a, MB2));
    SHOW_OK(mmap(NULL, MB2, RW, HUGE_ANON | SIZED(22), -1, 0));
    SHOW_OK(mmap(NULL, MB2, RW, HUGE_ANON | SIZED(12), -1, 0));
    SHOW_OK(mmap(NULL, 1ul << 40, RW, HUGE_ANON, -1, 0));
}

static void changes(void)
{
    char* a = mmap(NULL, 4 * MB2, RW, HUGE_ANON, -1, 0);

    MUST(a != MAP_FAILED);
    printf("aligned %d\n", (unsigned long)a % MB2 == 0);
    SHOW(munmap(a + PAGE, MB2));
    SHOW(munmap(a, MB2 + PAGE));
    SHOW(mprotect(a, PAGE, PROT_READ));
    SHOW(mprotect(a + PAGE, MB2, PROT_READ));
    SHOW(mprotect(a, MB2, PROT_READ));
    SHOW(mprotect(a, MB2, RW));
    a[0] = a[2 * MB2] = 1;
    SHOW(madvise(a + PAGE, PAGE, MADV_DONTNEED));
    SHOW(madvise(a, PAGE, MADV_DONTNEED));
    SHOW(a[0]);
    SHOW(madvise(a, MB2 + PAGE, MADV_DONTNEED));
    SHOW(a[0]);
    SHOW(madvise(a, MB2, MADV_FREE));
    SHOW(madvise(a, MB2, MADV_COLD));
    SHOW(madvise(a, MB2, MADV_WIPEONFORK));
    SHOW(madvise(a, PAGE, MADV_DONTFORK));
    SHOW(madvise(a, MB2, MADV_REMOVE));
    SHOW(madvise(a, MB2, MADV_HUGEPAGE));
    SHOW(madvise(a, MB2, MADV_POPULATE_WRITE));
    SHOW(mlock(a, PAGE));
    SHOW(munlock(a, PAGE));
    SHOW(munmap(a, PAGE));
    SHOW(munmap(a, 4 * MB2));
    a = mmap(NULL, MB2, RW, HUGE_ANON, -1, 0);
    MUST(a != MAP_FAILED);
    a[0] = 1;
    smaps("private", a);
    SHOW(munmap(a, MB2));
}

static void moves(void)
{
    char* a = mmap(NULL, 2 * MB2, RW, HUGE_ANON, -1, 0);
    char* room = mmap(NULL, 8 * MB2, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    MUST(a != MAP_FAILED && room != MAP_FAILED);
    room += (MB2 - (unsigned long)room % MB2) % MB2;
    a[MB2] = 7;
    SHOW_OK(mremap(a, 2 * MB2, 4 * MB2, MREMAP_MAYMOVE));
    SHOW_OK(mremap(a, 2 * MB2, 2 * MB2, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL));
    SHOW_OK(mremap(a + PAGE, MB2, MB2, MREMAP_MAYMOVE));
    SHOW_OK(mremap(a, 2 * MB2, 2 * MB2, MREMAP_MAYMOVE | MREMAP_FIXED, room + PAGE));
    SHOW(mremap(a, 2 * MB2, 2 * MB2, MREMAP_MAYMOVE | MREMAP_FIXED, room) == room);
    SHOW(room[MB2]);
    SHOW(mremap(room, 2 * MB2, PAGE, 0) == room);
    SHOW_OK(mmap(room + PAGE, MB2, RW, HUGE_ANON | MAP_FIXED, -1, 0));
    SHOW(mmap(room + 2 * MB2, PAGE, RW, HUGE_ANON | MAP_FIXED, -1, 0) == room + 2 * MB2);
    SHOW_OK(mmap(room + PAGE, MB2, RW, HUGE_ANON, -1, 0));
}

static void with_a_child(void)
{
    volatile char* a = mmap(NULL, MB2, RW, HUGE_ANON, -1, 0);
    int status;

    MUST(a != MAP_FAILED);
    a[5] = 1;
    const pid_t pid = fork();
    if (pid == 0) {
        a[5] += 10;
        _exit(a[5]);
    }
    MUST(waitpid(pid, &status, 0) == pid);
    printf("child %d, parent %d\n", WEXITSTATUS(status), a[5]);
    SHOW(munmap((void*)a, MB2));
}

static void shared(void)
{
    char* a = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
    int fd = memfd_create("huge", MFD_HUGETLB), status;

    MUST(a != MAP_FAILED && fd >= 0);
    a[MB2 - 1] = 1;
    const pid_t pid = fork();
    if (pid == 0) {
        a[MB2 - 1] = 2;
        _exit(0);
    }
    MUST(waitpid(pid, &status, 0) == pid);
    printf("shared %d\n", a[MB2 - 1]);
    SHOW(munmap(a, PAGE));
    SHOW(munmap(a, MB2));
    SHOW(ftruncate(fd, PAGE));
    SHOW(ftruncate(fd, 2 * MB2));
    a = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
    printf("memfd %d\n", a != MAP_FAILED);
    if (a != MAP_FAILED) {
        a[0] = 1;
        a[MB2 - 1] = 2;
        SHOW(munmap(a, PAGE));
        SHOW(mprotect(a, PAGE, PROT_READ));
        smaps("shared", a);
        SHOW(munmap(a, MB2));
    }
    a = mmap(NULL, 2 * MB2, RW, MAP_SHARED, fd, 0);
    MUST(a != MAP_FAILED);
    printf("%d %d %d\n", a[0], a[MB2 - 1], a[MB2]);
    SHOW(munmap(a, 2 * MB2));
    close(fd);
    const int id = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | SHM_HUGETLB | 0600);
    SHOW_OK(id);
    a = shmat(id, NULL, 0);
    printf("segment %d\n", a != (void*)-1);
    if (a != (void*)-1) {
        a[PAGE - 1] = 3;
        SHOW(shmdt(a));
    }
    SHOW(shmctl(id, IPC_RMID, NULL));
}

static sigjmp_buf out;

static void on_bus(int signo)
{
    siglongjmp(out, signo);
}

static void without_reserve(void)
{
    volatile char* a = mmap(NULL, 1ul << 40, RW, HUGE_ANON | MAP_NORESERVE, -1, 0);
    volatile unsigned long touched = 0;
    const int signo = sigsetjmp(out, 1);

    MUST(a != MAP_FAILED);
    while (signo == 0 && touched < 1ul << 40) {
        a[touched] = 1;
        touched += MB2;
    }
    printf("at the end: %s, some were there %d\n", strsignal(signo), touched > 4 * MB2);
    SHOW(munmap((void*)a, 1ul << 40));
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    signal(SIGBUS, on_bus);
    pool(40);
    sizes();
    changes();
    moves();
    with_a_child();
    shared();
    without_reserve();
    pool(0);
    return 0;
}
