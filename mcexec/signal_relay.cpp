// SPDX-License-Identifier: BSD-2-Clause
#include "signal_relay.hpp"

#include "pose.hpp"
#include "process.hpp"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

// glibc's sigaction() refuses signals 32 and 33, so the kernel's own call is used, which wants a way back.
extern "C" void mcexec_sigreturn();
asm(".text\n"
    ".globl mcexec_sigreturn\n"
    ".hidden mcexec_sigreturn\n"
    "mcexec_sigreturn:\n"
    "  mov $15, %eax\n" // rt_sigreturn
    "  syscall\n");

namespace still::mcexec {

constinit thread_local ProxyThread* this_proxy = nullptr;

namespace {

struct KernelAction {
    uintptr_t handler;
    unsigned long flags;
    void (*restorer)();
    uint64_t mask;
};

using Handler = void (*)(int, siginfo_t*, void*);
// SAFETY: addresses and markers, which only the kernel tells apart.
uintptr_t address_of(Handler handler)
{
    return reinterpret_cast<uintptr_t>(handler);
}
const uintptr_t ignore_handler = reinterpret_cast<uintptr_t>(SIG_IGN);

constexpr unsigned long sa_restorer = 0x04000000;
constexpr int last_signal = 64;
constexpr uint64_t all_signals = ~0ull;

constexpr uint64_t bit(int signo)
{
    return 1ull << (signo - 1);
}

int kernel_sigaction(int signo, const KernelAction* fresh, KernelAction* old)
{
    return static_cast<int>(syscall(SYS_rt_sigaction, signo, fresh, old, sizeof(uint64_t)));
}

void set_mask(int how, uint64_t mask)
{
    syscall(SYS_rt_sigprocmask, how, &mask, nullptr, sizeof mask);
}

bool is_fault(int signo)
{
    return signo == SIGSEGV || signo == SIGBUS || signo == SIGILL || signo == SIGFPE || signo == SIGTRAP ||
           signo == SIGSYS;
}

// Signals that Linux sends to the very thread whose system call caused them.
bool is_of_the_caller(const siginfo_t& info)
{
    return info.si_code == SI_TKILL ||
           ((info.si_signo == SIGPIPE || info.si_signo == SIGXFSZ) && info.si_pid == getpid());
}

void note_handler()
{
    if (this_proxy != nullptr && this_proxy->server != nullptr) {
        this_proxy->handled = this_proxy->server->seq();
    }
}

// Whoever sends signals faster than they are taken over would keep the thread from its call for ever. So of each number
// only some are taken while a request waits: the rest stays pending in Linux, which refuses the sender more than
// RLIMIT_SIGPENDING. Other threads may take them; what the LWK has got already it acts on.
void hold(int signo, ucontext_t& context)
{
    constexpr uint8_t at_once = 4;
    ProxyThread* const proxy = this_proxy;
    if (proxy == nullptr || proxy->server == nullptr || !proxy->server->has_request()) {
        return;
    }
    if (proxy->counted != proxy->server->seq()) {
        proxy->counted = proxy->server->seq();
        memset(proxy->taken, 0, sizeof proxy->taken);
    }
    if (++proxy->taken[signo - 1] < at_once) {
        return;
    }
    // SAFETY: Linux's mask, which is the first word of glibc's.
    uint64_t mask = 0;
    memcpy(&mask, &context.uc_sigmask, sizeof mask);
    mask |= bit(signo);
    memcpy(&context.uc_sigmask, &mask, sizeof mask);
    proxy->holds = true;
    proxy->quick = false;
}

void relay(int signo, siginfo_t* info, void* context)
{
    const int saved = errno;
    if (is_fault(signo) && info->si_code > 0) {
        auto& ip = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP];
        // SAFETY: labels of syscall_stub.S: a string of the program's ends where its memory does.
        if (ip == reinterpret_cast<greg_t>(mcexec_copy_begin)) {
            ip = reinterpret_cast<greg_t>(mcexec_copy_fault);
            return;
        }
        if (ip == reinterpret_cast<greg_t>(mcexec_load_word)) {
            ip = reinterpret_cast<greg_t>(mcexec_load_fault);
            return;
        }
        // mcexec's own fault: the instruction repeats under the default action.
        const KernelAction standard{};
        kernel_sigaction(signo, &standard, nullptr);
        return;
    }
    // SIGCONT comes after a stop, which Linux does not hide from the program either.
    if (signo != SIGCONT) {
        note_handler();
    }
    still_signal message{};
    message.signo = static_cast<uint32_t>(signo);
    message.error = info->si_errno;
    message.code = info->si_code;
    // SAFETY: siginfo_t is Linux's layout; what follows its first 16 bytes depends on the signal.
    memcpy(message.fields, reinterpret_cast<const char*>(info) + 16, sizeof message.fields);
    message.tid = is_of_the_caller(*info) ? static_cast<uint32_t>(gettid()) : 0;
    message.slot = this_proxy != nullptr && this_proxy->server != nullptr ? this_proxy->server->index() : ~0u;
    if (process.device.signal(message) == -EIO) {
        die_lwk_gone();
    }
    hold(signo, *static_cast<ucontext_t*>(context));
    errno = saved;
}

// Ends the system call that waits with EINTR, and that is all. A call that has not begun is made nevertheless: on Linux
// no signal keeps link(2) from being made, nor read(2) from data that is there. If it has to wait then, the LWK
// interrupts it again.
void interrupt(int, siginfo_t*, void*)
{
    if (core_is_wanted()) {
        pose();
    }
    note_handler();
    if (this_proxy != nullptr) {
        this_proxy->interrupted = this_proxy->handled;
    }
}

} // namespace

SignalState inherited_signals()
{
    SignalState state;
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, nullptr, &state.blocked, sizeof state.blocked);
    for (int signo = 1; signo <= last_signal; ++signo) {
        KernelAction action{};
        if (kernel_sigaction(signo, nullptr, &action) == 0 && action.handler == ignore_handler) {
            state.ignored |= bit(signo);
        }
    }
    return state;
}

namespace {

// What of SIGCHLD, SIGTTIN and SIGTTOU Linux shall act by.
std::atomic<uint64_t> ignored_on_linux{0};
std::atomic<unsigned long> child_flags{0};
constexpr uint64_t linux_acts_on = bit(SIGCHLD) | bit(SIGTTIN) | bit(SIGTTOU);

void install(int signo)
{
    // The relay restarts what it interrupts: whether a call ends with EINTR the LWK decides, by the interrupt
    // signal. All blocked meanwhile: handlers don't nest, and run on the thread's own stack, which they can't
    // exhaust.
    KernelAction action{address_of(relay), SA_SIGINFO | SA_RESTART | sa_restorer, mcexec_sigreturn,
                        all_signals};
    if (signo == STILL_INTERRUPT_SIGNAL) {
        action.handler = address_of(interrupt);
        action.flags &= ~static_cast<unsigned long>(SA_RESTART);
    }
    if (signo == SIGCHLD) {
        action.flags |= child_flags.load();
    }
    if ((ignored_on_linux.load() & bit(signo)) != 0) {
        action.handler = ignore_handler;
    }
    kernel_sigaction(signo, &action, nullptr);
}

} // namespace

void install_relay(const SignalState& inherited)
{
    ignored_on_linux.store(inherited.ignored & linux_acts_on);
    reinstall_relay();
}

void reinstall_relay()
{
    for (int signo = 1; signo <= last_signal; ++signo) {
        if (signo != SIGKILL && signo != SIGSTOP) {
            install(signo);
        }
    }
}

void set_disposition(int signo, bool ignored, uint64_t flags)
{
    if (signo < 1 || signo > last_signal || (linux_acts_on & bit(signo)) == 0) {
        return;
    }
    if (ignored) {
        ignored_on_linux.fetch_or(bit(signo));
    } else {
        ignored_on_linux.fetch_and(~bit(signo));
    }
    if (signo == SIGCHLD) {
        child_flags.store(flags & (SA_NOCLDSTOP | SA_NOCLDWAIT));
    }
    install(signo);
}

namespace {

uint64_t tty_mask(uint32_t blocks)
{
    return ((blocks & STILL_CALL_BLOCKS_TTIN) != 0 ? bit(SIGTTIN) : 0) |
           ((blocks & STILL_CALL_BLOCKS_TTOU) != 0 ? bit(SIGTTOU) : 0);
}

} // namespace

void follow_tty_blocks(ProxyThread& proxy, uint32_t nr)
{
    const uint32_t wanted = nr & (STILL_CALL_BLOCKS_TTIN | STILL_CALL_BLOCKS_TTOU);
    if (wanted == proxy.tty_blocks) {
        return;
    }
    proxy.tty_blocks = wanted;
    set_mask(SIG_SETMASK, tty_mask(wanted));
}

void take_default_action(int signo)
{
    const KernelAction standard{};
    kernel_sigaction(signo, &standard, nullptr);
}

void stop_by_signal(int signo)
{
    if (signo != SIGSTOP) {
        take_default_action(signo);
    }
    syscall(SYS_tgkill, getpid(), gettid(), signo);
    if (signo != SIGSTOP) {
        install(signo);
    }
}

void leave_ignored(uint64_t ignored)
{
    for (int signo = 1; signo <= last_signal; ++signo) {
        // Until the exec, which takes handlers away, other threads may still look at bad addresses of the program's.
        if (is_fault(signo) && (ignored & bit(signo)) == 0) {
            continue;
        }
        if (signo != SIGKILL && signo != SIGSTOP && signo != STILL_INTERRUPT_SIGNAL) {
            const KernelAction action{(ignored & bit(signo)) != 0 ? ignore_handler : 0, 0, nullptr, 0};
            kernel_sigaction(signo, &action, nullptr);
        }
    }
}

void block_signals()
{
    set_mask(SIG_SETMASK, all_signals);
}

void unblock_signals()
{
    if (this_proxy != nullptr) {
        this_proxy->tty_blocks = 0;
        this_proxy->holds = false;
    }
    set_mask(SIG_SETMASK, 0);
}

void release_held(ProxyThread& proxy)
{
    proxy.holds = false;
    set_mask(SIG_SETMASK, tty_mask(proxy.tty_blocks));
}

void set_signal_mask(uint64_t mask)
{
    set_mask(SIG_SETMASK, mask);
}

void die_by_signal(int signo)
{
    const rlimit no_core{0, 0}; // a core of mcexec would not be the program's
    setrlimit(RLIMIT_CORE, &no_core);
    const KernelAction standard{};
    block_signals();
    kernel_sigaction(signo, &standard, nullptr);
    syscall(SYS_tgkill, getpid(), gettid(), signo);
    set_mask(SIG_UNBLOCK, bit(signo));
    _exit(128 + signo);
}

} // namespace still::mcexec
