// SPDX-License-Identifier: BSD-2-Clause
// Alternate stacks, what a handler finds in its frame, AVX state, faults and their siginfo.
// covers: sigaltstack, rt_sigaction, rt_sigreturn
#include "show.h"

#include <fenv.h>
#include <immintrin.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1u << 31)
#endif

static char area[65536] __attribute__((aligned(64)));
static sigjmp_buf out;
static volatile int depth;
static char* page;

static int on_area(const void* at)
{
    return (const char*)at >= area && (const char*)at < area + sizeof area;
}

static void look(int signo, siginfo_t* info, void* context)
{
    ucontext_t* u = context;
    stack_t stack;
    sigset_t mask;

    (void)info;
    sigaltstack(NULL, &stack);
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    printf("signal %d: on it %d, flags %x, uc flags %x, uc size %zu, blocked itself %d\n", signo,
           on_area(&stack), stack.ss_flags, u->uc_stack.ss_flags, u->uc_stack.ss_size,
           sigismember(&mask, signo));
    if (stack.ss_flags & SS_ONSTACK)
        SHOW(sigaltstack(&(stack_t){.ss_sp = area, .ss_size = 8192}, NULL));
    if (depth++ < 1)
        raise(signo == SIGUSR1 ? SIGUSR2 : SIGUSR1);
}

static void install(int signo, void (*how)(int, siginfo_t*, void*), int flags)
{
    struct sigaction action = {.sa_sigaction = how, .sa_flags = SA_SIGINFO | flags};

    sigaction(signo, &action, NULL);
}

static void stacks(void)
{
    stack_t old;

    SHOW(sigaltstack(NULL, &old));
    printf("flags %x\n", old.ss_flags);
    SHOW(sigaltstack(&(stack_t){.ss_sp = area, .ss_size = 2047}, NULL));
    SHOW(sigaltstack(&(stack_t){.ss_sp = area, .ss_size = 4096, .ss_flags = 4}, NULL));
    SHOW(sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL));
    SHOW(syscall(SYS_sigaltstack, (void*)16, NULL));
    SHOW(syscall(SYS_sigaltstack, NULL, (void*)16));
    SHOW(sigaltstack(&(stack_t){.ss_sp = area, .ss_size = sizeof area, .ss_flags = SS_ONSTACK}, NULL));
    sigaltstack(NULL, &old);
    printf("size %zu flags %x\n", old.ss_size, old.ss_flags);
    install(SIGUSR1, look, SA_ONSTACK);
    install(SIGUSR2, look, SA_ONSTACK | SA_NODEFER);
    depth = 0;
    raise(SIGUSR1);
    depth = 0;
    SHOW(
        sigaltstack(&(stack_t){.ss_sp = area, .ss_size = sizeof area, .ss_flags = (int)SS_AUTODISARM}, NULL));
    raise(SIGUSR2);
    sigaltstack(NULL, &old);
    printf("armed again: size %zu flags %x\n", old.ss_size, (unsigned)old.ss_flags);
    install(SIGUSR1, look, SA_RESETHAND);
    depth = 1;
    raise(SIGUSR1);
    struct sigaction now;
    sigaction(SIGUSR1, NULL, &now);
    printf("reset: %d flags %x\n", now.sa_handler == SIG_DFL, now.sa_flags & ~0x04000000);
    struct sigaction odd = {.sa_handler = SIG_IGN, .sa_flags = 0x7fffffff};
    sigaction(SIGUSR1, &odd, NULL);
    sigaction(SIGUSR1, NULL, &now);
    printf("known flags %x\n", now.sa_flags);
}

static void wide(int signo)
{
    (void)signo;
    __asm__ volatile(
        "vpcmpeqd %%ymm0, %%ymm0, %%ymm0; vpxor %%ymm7, %%ymm7, %%ymm7; vpxor %%ymm15, %%ymm15, %%ymm15" ::
            : "xmm0", "xmm7", "xmm15");
    fesetround(FE_UPWARD);
}

static void avx(void)
{
    unsigned long long in[4] = {1, 2, 3, 4}, got0[4], got15[4];

    if (!__builtin_cpu_supports("avx2"))
        return;
    signal(SIGUSR1, wide);
    pid_t pid = getpid(), tid = gettid();
    __asm__ volatile(
        "vmovdqu (%2), %%ymm0; vmovdqu (%2), %%ymm15; syscall; vmovdqu %%ymm0, (%3); vmovdqu %%ymm15, (%4)"
        : "+a"((long){SYS_tgkill})
        : "D"((long)pid), "r"(in), "r"(got0), "r"(got15), "S"((long)tid), "d"((long)SIGUSR1)
        : "rcx", "r11", "memory", "xmm0", "xmm15");
    printf("ymm kept %d %d, rounding kept %d\n", memcmp(in, got0, 32) == 0, memcmp(in, got15, 32) == 0,
           fegetround() == FE_TONEAREST);
}

static void fault(int signo, siginfo_t* info, void* context)
{
    greg_t* r = ((ucontext_t*)context)->uc_mcontext.gregs;
    const char* at = info->si_addr;
    const char* where = at == NULL                           ? "null"
                        : at >= page && at < page + 8192     ? "page"
                        : at == (char*)r[REG_RIP]            ? "rip"
                        : (size_t)at == 0xffffffff80000000ul ? "kernel"
                        : (size_t)at == 8                    ? "8"
                                                             : "else";

    printf("signo %d code %d errno %d addr %s trapno %lld err %llx cr2 %s\n", signo, info->si_code,
           info->si_errno, where, r[REG_TRAPNO], r[REG_ERR], (char*)r[REG_CR2] == at ? "addr" : "else");
    siglongjmp(out, 1);
}

#define TRY_IT(what, code)                                                                                   \
    do {                                                                                                     \
        printf("%s: ", what);                                                                                \
        if (sigsetjmp(out, 1) == 0) {                                                                        \
            code;                                                                                            \
            printf("nothing\n");                                                                             \
        }                                                                                                    \
    } while (0)

static void faults(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    volatile int zero = 0, one = 1, sink;
    volatile double d;

    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
        install(signals[i], fault, 0);
    page = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    TRY_IT("read null", sink = *(volatile int*)8);
    TRY_IT("write read-only", *(volatile int*)(page + 16) = 1);
    (void)*(volatile int*)page;
    TRY_IT("write read-only, present", *(volatile int*)(page + 16) = 1);
    TRY_IT("execute data", ((void (*)(void))page)());
    mprotect(page, 4096, PROT_NONE);
    TRY_IT("read none", sink = *(volatile int*)page);
    munmap(page, 8192);
    TRY_IT("read unmapped", sink = *(volatile int*)page);
    TRY_IT("kernel", sink = *(volatile int*)0xffffffff80000000ul);
    TRY_IT("non-canonical", sink = *(volatile int*)0x8000000000000000ul);
    TRY_IT("divide", sink = one / zero);
    feclearexcept(FE_ALL_EXCEPT);
    feenableexcept(FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW);
    TRY_IT("float divide", d = 1.0 / zero);
    feclearexcept(FE_ALL_EXCEPT);
    feenableexcept(FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW);
    TRY_IT("float invalid", d = 0.0 / zero);
    feclearexcept(FE_ALL_EXCEPT);
    fedisableexcept(FE_ALL_EXCEPT);
    TRY_IT("ud2", __asm__ volatile("ud2"));
    TRY_IT("int3", __asm__ volatile("int3"));
    TRY_IT("hlt", __asm__ volatile("hlt"));
    (void)sink;
    (void)d;
}

// A stack that ran out: the handler needs the other one.
static void overflow(int signo, siginfo_t* info, void* context)
{
    (void)info;
    (void)context;
    printf("overflow: signal %d on the alternate stack %d\n", signo, on_area(&signo));
    siglongjmp(out, 1);
}

static __attribute__((noinline)) int recurse(int n)
{
    volatile char room[4096];

    room[0] = (char)n;
    return n < 1 << 30 ? recurse(n + 1) + room[0] : 0;
}

static void* runs_out(void* unused)
{
    sigaltstack(&(stack_t){.ss_sp = area, .ss_size = sizeof area}, NULL);
    install(SIGSEGV, overflow, SA_ONSTACK);
    if (sigsetjmp(out, 1) == 0)
        recurse(0);
    return unused;
}

int main(void)
{
    pthread_attr_t attr;
    pthread_t thread;

    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    stacks();
    avx();
    faults();
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 128 * 1024);
    pthread_create(&thread, &attr, runs_out, NULL);
    pthread_join(thread, NULL);
    return 0;
}
