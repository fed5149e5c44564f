// SPDX-License-Identifier: BSD-2-Clause
// Protection keys: which there are, what they forbid and how that is told; threads, fork, handlers; memory that may
// only be executed. On a CPU without keys: the errors.
// covers: pkey_alloc, pkey_free, pkey_mprotect, mprotect, mmap
#include "show.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static sigjmp_buf back;
static siginfo_t last;
static unsigned in_handler;

static unsigned pkru(void)
{
    unsigned low, high;
    __asm__ volatile("rdpkru" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static void set_pkru(unsigned value)
{
    __asm__ volatile("wrpkru" ::"a"(value), "c"(0), "d"(0) : "memory");
}

static void set(int key, unsigned rights)
{
    set_pkru((pkru() & ~(3u << 2 * key)) | rights << 2 * key);
}

static void on_fault(int signo, siginfo_t* info, void* context)
{
    (void)signo, (void)context;
    last = *info;
    in_handler = pkru();
    siglongjmp(back, 1);
}

static void try_(const char* what, volatile char* at, int write)
{
    const unsigned before = pkru();
    if (sigsetjmp(back, 1) == 0) {
        if (write)
            *at = 1;
        else
            (void)*at;
        printf("%s: ok\n", what);
        return;
    }
    set_pkru(before);
    printf("%s: signal %d code %d, address %d", what, last.si_signo, last.si_code, last.si_addr == at);
    if (last.si_code == SEGV_PKUERR)
        printf(" key %d", (int)last.si_pkey);
    printf(", PKRU in the handler %x\n", in_handler);
}

static void* thread(void* page)
{
    try_("thread", page, 0);
    set(1, 0);
    try_("thread, allowed", page, 1);
    return NULL;
}

static void on_usr1(int signo)
{
    (void)signo;
    printf("handler: %x\n", pkru());
    set_pkru(0);
}

int main(void)
{
    const int rw = PROT_READ | PROT_WRITE;
    pthread_t other;
    int status;

    setvbuf(stdout, NULL, _IOLBF, 0);
    char* page = mmap(NULL, 4 * 4096, rw, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(page != MAP_FAILED);
    SHOW(syscall(SYS_pkey_alloc, 1, 0));
    SHOW(syscall(SYS_pkey_alloc, 0, 4));
    SHOW(syscall(SYS_pkey_free, 1));
    SHOW(syscall(SYS_pkey_free, -1));
    SHOW(syscall(SYS_pkey_free, 16));
    SHOW(syscall(SYS_pkey_mprotect, page, 4096, rw, 1));
    SHOW(syscall(SYS_pkey_mprotect, page, 4096, rw, 16));
    SHOW(syscall(SYS_pkey_mprotect, page, 4096, rw, -2));
    SHOW(syscall(SYS_pkey_mprotect, page, 4096, rw, -1));
    int key = (int)syscall(SYS_pkey_alloc, 0, 0);
    printf("key %d %s\n", key, key < 0 ? strerrorname_np(errno) : "");
    if (key < 0)
        return 0;
    printf("PKRU %x\n", pkru());
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
    MUST(sigaction(SIGSEGV, &action, NULL) == 0);
    SHOW(syscall(SYS_pkey_mprotect, page + 1, 4096, rw, key));
    SHOW(syscall(SYS_pkey_mprotect, page, 4096, 0x80, key));
    SHOW(syscall(SYS_pkey_mprotect, page, 3 * 4096, rw, key));
    page[0] = 7;
    try_("allowed", page, 1);
    set(key, 2);
    try_("read only, read", page, 0);
    try_("read only, write", page, 1);
    try_("read only, write to a new page", page + 4096, 1);
    set(key, 1);
    try_("nothing, read", page, 0);
    try_("nothing, new page", page + 2 * 4096, 0);
    try_("nothing, behind it", page + 3 * 4096, 1);
    SHOW(syscall(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, page));
    SHOW(syscall(SYS_rt_sigprocmask, SIG_BLOCK, page, NULL, 8));
    set(key, 2);
    SHOW(syscall(SYS_rt_sigprocmask, SIG_BLOCK, page, NULL, 8) == 0);
    SHOW(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, page, 8));
    set(key, 1);
    MUST(pthread_create(&other, NULL, thread, page) == 0);
    pthread_join(other, NULL);
    try_("after the thread", page, 0);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        try_("child", page, 0);
        set(key, 0);
        try_("child, allowed", page, 1);
        SHOW(syscall(SYS_pkey_free, key));
        SHOW(syscall(SYS_pkey_alloc, 0, 1) == key);
        fflush(stdout);
        _exit(0);
    }
    MUST(waitpid(pid, &status, 0) == pid);
    /* A handler starts with what a program starts with, and what it sets is gone at its end. */
    signal(SIGUSR1, on_usr1);
    raise(SIGUSR1);
    try_("after a handler", page, 0);
    /* The right of the mapping counts as well. */
    set(key, 0);
    SHOW(mprotect(page, 4096, PROT_READ));
    try_("mprotect keeps the key", page, 1);
    set(key, 1);
    try_("mprotect keeps the key", page, 0);
    SHOW(syscall(SYS_pkey_mprotect, page, 4096, rw, 0));
    try_("key 0 again", page, 1);
    SHOW(madvise(page + 4096, 4096, MADV_DONTNEED));
    try_("discarded", page + 4096, 0);
    char* moved = mmap(page + 4096, 4096, rw, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    try_("mapped anew", moved, 1);
    int keys = 1;
    while (syscall(SYS_pkey_alloc, 0, 3) > 0)
        keys++;
    printf("%d keys, then %s\n", keys, strerrorname_np(errno));
    printf("PKRU %x\n", pkru());
    SHOW(syscall(SYS_pkey_free, key));
    try_("freed, still on the page", page + 2 * 4096, 0);
    /* Memory that may only be executed takes a key of its own. */
    static const unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3};
    char* text = mmap(NULL, 4096, rw, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(text, code, sizeof code);
    SHOW(mprotect(text, 4096, PROT_EXEC));
    printf("executed: %d\n", ((int (*)(void))(uintptr_t)text)());
    try_("execute only, read", text, 0);
    SHOW(syscall(SYS_pkey_free, key));
    SHOW(syscall(SYS_pkey_mprotect, page, 4096, rw, key));
    SHOW(mprotect(text, 4096, PROT_READ | PROT_EXEC));
    try_("readable again", text, 0);
    text = mmap(NULL, 4096, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    try_("mapped execute only", text, 0);
    printf("PKRU %x\n", pkru());
    return 0;
}
