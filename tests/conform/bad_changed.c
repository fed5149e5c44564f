// SPDX-License-Identifier: BSD-2-Clause
// Calls that the LWK serves while another thread changes what their pointers point to: takes the page away, forbids
// writing, rewrites sizes and counts. Each call does what it should or fails as it may; what lies around stays.
// covers: rt_sigprocmask, rt_sigaction, sigaltstack, futex, clone3, futex_waitv, sched_setaffinity, timer_settime
// covers: prlimit64, clock_gettime, nanosleep, mincore, process_vm_readv, get_robust_list, signalfd4
#include "show.h"

#include <linux/futex.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, ROUNDS = 400 };
static char* place; /* written | changed | written */
static volatile int stop;

static void* changer(void* unused)
{
    (void)unused;
    for (unsigned n = 0; !stop; n++) {
        char* page = place + PAGE;
        switch (n % 4) {
        case 0:
            MUST(mprotect(page, PAGE, PROT_READ) == 0);
            break;
        case 1:
            MUST(mprotect(page, PAGE, PROT_READ | PROT_WRITE) == 0);
            for (int i = 0; i < 512; i++)
                ((volatile uint64_t*)page)[i] = i % 3 == 0 ? ~0ull : i % 3 == 1 ? 8 : 1ull << 40;
            break;
        case 2:
            MUST(munmap(page, PAGE) == 0);
            break;
        default:
            MUST(mmap(page, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
                 page);
        }
    }
    return NULL;
}

static long failed, strange;

/* Only these errnos are what such a pointer may give. */
static void count(long result)
{
    if (result != -1)
        return;
    failed++;
    if (errno != EFAULT && errno != EINVAL && errno != E2BIG && errno != EAGAIN && errno != ETIMEDOUT &&
        errno != ENOMEM && errno != EPERM && errno != ENOSYS)
        strange++, printf("errno %s\n", strerrorname_np(errno));
}

int main(void)
{
    pthread_t thread;
    struct sigevent none = {.sigev_notify = SIGEV_NONE};
    struct timespec soon = {0, 1000};
    sigset_t all, before;
    int timer = -1;

    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    place = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(place != MAP_FAILED && syscall(SYS_timer_create, CLOCK_MONOTONIC, &none, &timer) == 0);
    memset(place, 0x11, PAGE);
    memset(place + 2 * PAGE, 0x22, PAGE);
    /* No signal comes, and dispositions of one that nobody sends. */
    sigfillset(&all);
    MUST(pthread_create(&thread, NULL, changer, NULL) == 0);
    sigprocmask(SIG_SETMASK, NULL, &before);
    for (int round = 0; round < ROUNDS; round++) {
        char* in = place + PAGE + round % 4 * 16;
        char* across = place + PAGE - 8; /* begins in the page before */
        count(syscall(SYS_rt_sigprocmask, SIG_BLOCK, in, NULL, 8));
        count(syscall(SYS_rt_sigprocmask, SIG_SETMASK, NULL, in, 8));
        count(syscall(SYS_rt_sigaction, SIGRTMIN + 20, in, NULL, 8));
        count(syscall(SYS_rt_sigaction, SIGRTMIN + 20, NULL, in, 8));
        count(syscall(SYS_futex, in, FUTEX_WAIT_PRIVATE, 5, &soon, NULL, 0));
        count(syscall(SYS_futex, in, FUTEX_WAKE_OP_PRIVATE, 0, 0, in + 64, 0));
        count(syscall(SYS_futex, in, FUTEX_CMP_REQUEUE_PRIVATE, 0, 0, in + 64, 8));
        count(syscall(SYS_futex_waitv, in, 1, 0, &soon, CLOCK_MONOTONIC));
        count(syscall(SYS_sched_setaffinity, 0x3ffffff0, 128, in) == -1 && errno == ESRCH ? 0 : -1);
        count(syscall(SYS_sched_getaffinity, 0, 128, in));
        count(syscall(SYS_timer_settime, timer, 0, in, in + 64));
        count(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, in));
        count(syscall(SYS_mincore, place, 3 * PAGE, in));
        count(syscall(SYS_get_robust_list, 0, in, in + 8));
        count(syscall(SYS_getrlimit, RLIMIT_STACK, in));
        count(syscall(SYS_sigaltstack, NULL, in));
        count(syscall(SYS_signalfd4, -1, in, 4, 0));
        struct iovec local = {place + PAGE, PAGE / 2}, remote = {place + PAGE + PAGE / 2, PAGE / 2};
        count(process_vm_readv(getpid(), &local, 1, &remote, 1, 0));
        count(process_vm_readv(getpid(), (void*)in, 1, &remote, 1, 0));
        /* Flags that are never good: it must not matter what the rest is at that moment. */
        if (syscall(SYS_clone3, in, 5000) != -1 || errno != E2BIG)
            strange++;
        (void)across;
        sigprocmask(SIG_SETMASK, &before, NULL);
    }
    stop = 1;
    pthread_join(thread, NULL);
    for (int i = 0; i < PAGE; i++)
        strange += place[i] != 0x11 || place[2 * PAGE + i] != 0x22;
    printf("some failed: %d, strange: %ld\n", failed > 0, strange);
    return 0;
}
