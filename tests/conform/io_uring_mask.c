// SPDX-License-Identifier: BSD-2-Clause
// io_uring_enter and io_pgetevents with signal masks: a blocked signal that pends, or that is sent, comes in while they
// wait, EINTR whatever SA_RESTART says; the mask is back afterwards; a signal that the mask keeps out does not end
// them.
// covers: io_uring_enter, io_pgetevents
#include "show.h"

#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <linux/time_types.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { kernel_mask = 8 };

static int ring;
static unsigned *sq_tail, *sq_array;
static struct io_uring_sqe* sqes;
static aio_context_t context;
static volatile sig_atomic_t handled, during;
static uint64_t none, all = ~0ull;

static void handler(int signo)
{
    sigset_t now;

    (void)signo;
    handled++;
    pthread_sigmask(SIG_SETMASK, NULL, &now);
    during = sigismember(&now, SIGUSR2);
}

static void make(void)
{
    struct io_uring_params p = {0};
    char* sq;

    ring = (int)syscall(SYS_io_uring_setup, 4, &p);
    MUST(ring >= 0);
    sq = mmap(NULL, p.sq_off.array + p.sq_entries * 4, PROT_READ | PROT_WRITE, MAP_SHARED, ring,
              IORING_OFF_SQ_RING);
    sqes =
        mmap(NULL, p.sq_entries * sizeof(*sqes), PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
    MUST(sq != MAP_FAILED && (void*)sqes != MAP_FAILED);
    sq_tail = (unsigned*)(void*)(sq + p.sq_off.tail);
    sq_array = (unsigned*)(void*)(sq + p.sq_off.array);
    MUST(syscall(SYS_io_setup, 4, &context) == 0);
}

/* how: io_uring_enter, the same with a time of 300 ms, io_pgetevents with one. */
static long wait_by(int how, const uint64_t* mask)
{
    struct __kernel_timespec time = {0, 300000000};
    struct io_uring_getevents_arg argument = {(unsigned long)mask, kernel_mask, 0, (unsigned long)&time};
    struct {
        const uint64_t* mask;
        size_t bytes;
    } set = {mask, kernel_mask};
    struct io_event event;

    switch (how) {
    case 0:
        return syscall(SYS_io_uring_enter, ring, 0, 1, IORING_ENTER_GETEVENTS, mask, kernel_mask);
    case 1:
        return syscall(SYS_io_uring_enter, ring, 0, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG,
                       &argument, sizeof argument);
    default:
        return syscall(SYS_io_pgetevents, context, 1l, 1l, &event, &time, &set);
    }
}

static const char* const names[] = {"io_uring_enter", "io_uring_enter with a time", "io_pgetevents"};

static void show(const char* what, int how, long result)
{
    sigset_t now;

    sigprocmask(SIG_SETMASK, NULL, &now);
    printf("%s, %s: %ld %s, handled %d, other one blocked %d; blocked again: %d\n", names[how], what, result,
           result < 0 ? strerrorname_np(errno) : "", handled, during, sigismember(&now, SIGUSR1));
    handled = during = 0;
}

static void* sender(void* target)
{
    usleep(100000);
    pthread_kill(*(pthread_t*)target, SIGUSR1);
    return NULL;
}

int main(void)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    pthread_t self = pthread_self(), thread;
    sigset_t usr1;

    setvbuf(stdout, NULL, _IOLBF, 0);
    make();
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    MUST(sigaction(SIGUSR1, &action, NULL) == 0 && sigprocmask(SIG_BLOCK, &usr1, NULL) == 0);
    for (int how = 0; how < 3; how++) {
        uint64_t other = 1ull << (SIGUSR2 - 1);

        raise(SIGUSR1);
        show("pending", how, wait_by(how, &none));
        MUST(pthread_create(&thread, NULL, sender, &self) == 0);
        show("sent", how, wait_by(how, &other));
        pthread_join(thread, NULL);
        if (how > 0) {
            MUST(pthread_create(&thread, NULL, sender, &self) == 0);
            show("kept out", how, wait_by(how, &all));
            pthread_join(thread, NULL);
            sigprocmask(SIG_UNBLOCK, &usr1, NULL);
            printf("then it comes: %d\n", handled);
            handled = 0;
            sigprocmask(SIG_BLOCK, &usr1, NULL);
        }
        /* Unblocked by the program itself, without a mask. */
        sigprocmask(SIG_UNBLOCK, &usr1, NULL);
        MUST(pthread_create(&thread, NULL, sender, &self) == 0);
        show("no mask", how, wait_by(how, NULL));
        pthread_join(thread, NULL);
        sigprocmask(SIG_BLOCK, &usr1, NULL);
    }
    /* What has completed goes first. */
    sqes[0] = (struct io_uring_sqe){.opcode = IORING_OP_NOP};
    sq_array[0] = 0;
    __atomic_store_n(sq_tail, *sq_tail + 1, __ATOMIC_RELEASE);
    raise(SIGUSR1);
    SHOW(syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, &none, kernel_mask));
    printf("handled %d\n", handled);
    SHOW(syscall(SYS_io_uring_enter, ring, 0, 2, IORING_ENTER_GETEVENTS, &none, 4));
    SHOW(syscall(SYS_io_pgetevents, context, 0l, 1l, NULL, &(struct __kernel_timespec){0, 0}, &(struct {
                     const uint64_t* m;
                     size_t n;
                 }){&none, 4}));
    return 0;
}
