/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * latency pingpong: two threads on two CPUs pass a word to and fro; nanoseconds a round trip.
 * latency wake:     the same, but the one that answers sleeps in a futex on an idle CPU until the other wakes it, which
 *                   waits for the answer by polling.
 * latency getpid:   TSC ticks of a getpid system call, the loop around it taken off. Under QEMU's icount these
 *                   are instructions.
 * Prints one number a line, one line a sample.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

enum { samples = 200, rounds = 1000, wakes = 20 };

static _Alignas(64) atomic_uint ping;
static _Alignas(64) atomic_uint pong;

static void pin(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0) {
        perror("sched_setaffinity");
        exit(1);
    }
}

static void* answer(void* unused)
{
    pin(1);
    for (unsigned i = 1; i <= samples * rounds; i++) {
        while (atomic_load_explicit(&ping, memory_order_acquire) != i)
            _mm_pause();
        atomic_store_explicit(&pong, i, memory_order_release);
    }
    return unused;
}

static void* answer_woken(void* unused)
{
    pin(1);
    for (unsigned i = 1; i <= samples * wakes; i++) {
        unsigned seen;

        while ((seen = atomic_load(&ping)) != i)
            syscall(SYS_futex, &ping, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
        atomic_store_explicit(&pong, i, memory_order_release);
    }
    return unused;
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void pingpong(void)
{
    pthread_t other;
    unsigned count = 0;

    pin(0);
    if (pthread_create(&other, NULL, answer, NULL) != 0)
        exit(1);
    for (int sample = 0; sample < samples; sample++) {
        double start = now();

        for (int i = 0; i < rounds; i++) {
            atomic_store_explicit(&ping, ++count, memory_order_release);
            while (atomic_load_explicit(&pong, memory_order_acquire) != count)
                _mm_pause();
        }
        printf("%.1f\n", (now() - start) / rounds);
    }
    pthread_join(other, NULL);
}

static void wake(void)
{
    const struct timespec until_it_sleeps = {0, 1000000};
    pthread_t other;
    unsigned count = 0;

    pin(0);
    if (pthread_create(&other, NULL, answer_woken, NULL) != 0)
        exit(1);
    for (int sample = 0; sample < samples; sample++) {
        double sum = 0;

        for (int i = 0; i < wakes; i++) {
            nanosleep(&until_it_sleeps, NULL);
            double start = now();

            atomic_store(&ping, ++count);
            syscall(SYS_futex, &ping, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
            while (atomic_load_explicit(&pong, memory_order_acquire) != count)
                _mm_pause();
            sum += now() - start;
        }
        printf("%.1f\n", sum / wakes);
    }
    pthread_join(other, NULL);
}

static void calls(void)
{
    for (int sample = 0; sample < samples; sample++) {
        uint64_t start = __rdtsc(), loop;

        for (int i = 0; i < rounds; i++)
            __asm__ volatile("" ::: "memory");
        loop = __rdtsc() - start;
        start = __rdtsc();
        for (int i = 0; i < rounds; i++) {
            long result = SYS_getpid;

            /* SAFETY: getpid touches no memory; the call itself clobbers RCX and R11. */
            __asm__ volatile("syscall" : "+a"(result)::"rcx", "r11", "memory");
        }
        printf("%.1f\n", (double)(__rdtsc() - start - loop) / rounds);
    }
}

int main(int argc, char** argv)
{
    if (argc == 2 && strcmp(argv[1], "pingpong") == 0)
        pingpong();
    else if (argc == 2 && strcmp(argv[1], "wake") == 0)
        wake();
    else if (argc == 2 && strcmp(argv[1], "getpid") == 0)
        calls();
    else
        return 2;
    return 0;
}
