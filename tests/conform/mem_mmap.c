// SPDX-License-Identifier: BSD-2-Clause
// mmap, munmap, mprotect, brk: flags, errors, limits.
// covers: mmap, munmap, mprotect, brk, pkey_alloc, pkey_free, pkey_mprotect
#include "show.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define GIB (1ul << 30)

static sigjmp_buf out;

static void on_fault(int signo)
{
    siglongjmp(out, signo);
}

// Which signal a write (or a read) gives; 0: none.
static int fault_of(volatile char* at, int write)
{
    const int signo = sigsetjmp(out, 1);
    if (signo != 0)
        return signo;
    if (write)
        *at = 1;
    else
        (void)*at;
    return 0;
}

static void errors(void)
{
    SHOW_OK(mmap(NULL, 0, PROT_READ, ANON, -1, 0));
    SHOW_OK(mmap(NULL, 4096, PROT_READ, MAP_ANONYMOUS, -1, 0));
    SHOW_OK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, -1, 0));
    SHOW_OK(mmap(NULL, 4096, PROT_READ, ANON, -1, 100));
    SHOW_OK(mmap((void*)100, 4096, PROT_READ, ANON | MAP_FIXED, -1, 0));
    SHOW_OK(mmap((void*)0xffff800000000000, 4096, PROT_READ, ANON | MAP_FIXED, -1, 0));
    SHOW_OK(mmap(NULL, ~0ul - 8192, PROT_READ, ANON, -1, 0));
    SHOW_OK(mmap(NULL, ~0ul, PROT_READ, ANON, -1, 0));
    SHOW_OK(mmap(NULL, 1ul << 47, PROT_NONE, ANON | MAP_NORESERVE, -1, 0));
    char* a = mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE, ANON, -1, 0);
    SHOW_OK(mmap(a + 4096, 4096, PROT_READ, ANON | MAP_FIXED_NOREPLACE, -1, 0));
    munmap(a + 4096, 4096);
    printf("same place: %d\n",
           mmap(a + 4096, 4096, PROT_READ, ANON | MAP_FIXED_NOREPLACE, -1, 0) == a + 4096);
    munmap(a + 8192, 4096);
    printf("hint obeyed: %d\n", mmap(a + 8192, 4096, PROT_READ, ANON, -1, 0) == a + 8192);
    printf("hint taken: %d\n", mmap(a + 8192, 4096, PROT_READ, ANON, -1, 0) != a + 8192);
    SHOW(munmap(a + 1, 4096));
    SHOW(munmap(a, 0));
    SHOW(munmap((void*)0x7ffffffff000, 4096));
    SHOW(munmap(a, ~0ul));
    SHOW(mprotect(a, 4096, PROT_READ));
    SHOW(mprotect(a + 1, 4096, PROT_READ));
    SHOW(mprotect(a, 0, PROT_READ));
    SHOW(mprotect(a, 4096, 64));
    SHOW(mprotect(a, 4096, PROT_READ | PROT_GROWSDOWN));
    SHOW(mprotect(a, 4096, PROT_READ | PROT_GROWSUP));
    SHOW(mprotect(a, 4096, PROT_READ | PROT_GROWSUP | PROT_GROWSDOWN));
    SHOW(mprotect(a, ~0ul - 4095, PROT_READ));
    SHOW(mprotect(NULL, 4096, PROT_READ));
    int fd = open("f", O_RDWR | O_CREAT, 0600);
    MUST(fd >= 0 && ftruncate(fd, 8192) == 0);
    SHOW_OK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_GROWSDOWN, fd, 0));
    SHOW_OK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_HUGETLB, fd, 0));
    SHOW_OK(mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0));
    SHOW_OK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 4095));
    int ro = open("f", O_RDONLY), wo = open("f", O_WRONLY);
    SHOW_OK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, ro, 0));
    SHOW_OK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ro, 0));
    SHOW_OK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, wo, 0));
    char* m = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    printf("file: %d %d %d\n", fault_of(m + 8191, 1), fault_of(m + 8192, 0), fault_of(m + 8192, 1));
    SHOW_OK(mmap(NULL, 2 << 20, PROT_READ, ANON | MAP_HUGETLB | 15 << 26, -1, 0));
    SHOW(syscall(SYS_pkey_mprotect, a, 4096, PROT_READ, -1));
    SHOW(syscall(SYS_pkey_mprotect, a, 4096, PROT_READ, 99));
    SHOW(syscall(SYS_pkey_alloc, 1, 0));
    SHOW(syscall(SYS_pkey_alloc, 0, 8));
    SHOW(syscall(SYS_pkey_free, 99));
}

static void reservations(void)
{
    char* t = mmap(NULL, 1024 * GIB, PROT_READ | PROT_WRITE, ANON | MAP_NORESERVE, -1, 0);
    printf("a TiB: %d\n", t != MAP_FAILED);
    t[0] = 1;
    t[1024 * GIB - 1] = 2;
    t[512 * GIB] = 3;
    printf("%d %d %d %d\n", t[0], t[1024 * GIB - 1], t[512 * GIB], t[100 * GIB]);
    SHOW(mprotect(t + GIB, 1022 * GIB, PROT_NONE));
    SHOW(munmap(t, 1024 * GIB));
    // As Go does.
    t = mmap((void*)0xc000000000, 64 << 20, PROT_NONE, ANON, -1, 0);
    printf("go's arena: %d\n", t == (void*)0xc000000000);
    SHOW_OK(mmap(t, 4 << 20, PROT_READ | PROT_WRITE, ANON | MAP_FIXED, -1, 0));
    t[12345] = 1;
    SHOW(munmap(t, 64 << 20));
    // As AddressSanitizer's shadow: 16 TiB at a fixed place.
    t = mmap((void*)0x10007fff8000, 0x10000000000, PROT_READ | PROT_WRITE, ANON | MAP_FIXED | MAP_NORESERVE,
             -1, 0);
    printf("a shadow: %d\n", t == (void*)0x10007fff8000);
    SHOW(munmap(t, 0x10000000000));
    SHOW_OK(mmap(NULL, 1024 * GIB, PROT_READ | PROT_WRITE, ANON, -1, 0)); // obviously too much
    SHOW_OK(mmap(NULL, 1024 * GIB, PROT_READ, ANON, -1, 0));
    // What becomes writable counts from then on.
    t = mmap(NULL, 1024 * GIB, PROT_NONE, ANON, -1, 0);
    SHOW(mprotect(t, 1024 * GIB, PROT_READ | PROT_WRITE));
    SHOW(mprotect(t, 4096, PROT_READ | PROT_WRITE));
    SHOW(mprotect(t, 1024 * GIB, PROT_READ));
    SHOW(munmap(t, 1024 * GIB));
    t = mmap(NULL, 1024 * GIB, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
    SHOW(mprotect(t, 1024 * GIB, PROT_READ | PROT_WRITE));
    SHOW(munmap(t, 1024 * GIB));
}

static void stack_growth(void)
{
    char* top = mmap(NULL, 64 << 20, PROT_NONE, ANON, -1, 0);
    munmap(top, 64 << 20);
    char* s = mmap(top + (32 << 20), 8192, PROT_READ | PROT_WRITE, ANON | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
    MUST(s == top + (32 << 20));
    printf("grows: %d", fault_of(s - 1, 1));
    printf(" %d", fault_of(s - 100000, 1));
    printf(" %d", fault_of(s - (2 << 20), 1));
    printf(" above: %d\n", fault_of(s + 8192, 1));
    SHOW(mprotect(s, 4096, PROT_READ | PROT_GROWSDOWN));
    printf("now read-only below: %d\n", fault_of(s - (1 << 20), 1));
    SHOW_OK(mmap(top, 4096, PROT_READ | PROT_WRITE, ANON | MAP_FIXED, -1, 0));
    printf("near a neighbour: %d", fault_of(top + (1 << 20), 0));
    printf(" far enough: %d\n", fault_of(top + (3 << 20), 0));
    struct rlimit l = {16 << 20, RLIM_INFINITY};
    SHOW(setrlimit(RLIMIT_STACK, &l));
    printf("beyond the limit: %d\n", fault_of(s - (20 << 20), 0));
}

static void limits(void)
{
    char* b = sbrk(0);
    SHOW(brk(b + (1 << 20)));
    b[(1 << 20) - 1] = 1;
    SHOW(brk(b + 4096));
    printf("given back: %d\n", fault_of(b + 8192, 1));
    SHOW(brk(b));
    SHOW(brk((void*)-1));
    SHOW(brk(b + 1024 * GIB));
    struct rlimit data = {64 << 20, RLIM_INFINITY};
    SHOW(setrlimit(RLIMIT_DATA, &data));
    SHOW(brk(b + (128 << 20)));
    SHOW_OK(mmap(NULL, 128 << 20, PROT_READ | PROT_WRITE, ANON, -1, 0));
    SHOW_OK(mmap(NULL, 128 << 20, PROT_READ, ANON, -1, 0));
    char* r = mmap(NULL, 128 << 20, PROT_READ, ANON | MAP_NORESERVE, -1, 0);
    SHOW(mprotect(r, 128 << 20, PROT_READ | PROT_WRITE));
    SHOW(mprotect(r, 16 << 20, PROT_READ | PROT_WRITE));
    struct rlimit as = {1 << 20, RLIM_INFINITY};
    SHOW(setrlimit(RLIMIT_AS, &as));
    SHOW_OK(mmap(NULL, 4096, PROT_READ, ANON, -1, 0));
    SHOW(brk(b + 4096));
}

static void below_2g(void)
{
    char* low = mmap(NULL, 3 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

    printf("32bit: %d\n", low != MAP_FAILED && (unsigned long)low + (3 << 20) <= 1ul << 31);
    low[0] = 1;
    munmap(low, 3 << 20);
    SHOW_OK(mmap(NULL, 3ul << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0));
}

int main(void)
{
    below_2g();
    static char alt[65536];
    stack_t ss = {.ss_sp = alt, .ss_size = sizeof(alt)};
    struct sigaction sa = {.sa_handler = on_fault, .sa_flags = SA_ONSTACK};
    sigaltstack(&ss, NULL);
    sigaction(SIGSEGV, &sa, NULL);
    sigaction(SIGBUS, &sa, NULL);
    errors();
    reservations();
    stack_growth();
    limits();
    return 0;
}
