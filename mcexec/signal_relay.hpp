// SPDX-License-Identifier: BSD-2-Clause
// Signals that reach the proxy from Linux go on to the LWK, and the module's interrupts end blocked calls.
#pragma once

#include "slot_server.hpp"

#include <stillcore/types.h>

#include <csignal>
#include <cstdint>

namespace still::mcexec {

// Linux's own mask (glibc's has 1024 bits), signal n is bit n-1.
struct SignalState {
    uint64_t ignored = 0;
    uint64_t blocked = 0;
};

// What an execve() passes on, as the LWK has it (STILL_CALL_EXEC_STATE).
struct ExecState {
    uint64_t ignored = 0;
    uint64_t blocked = 0;
    uint64_t cpus[STILL_MAX_CPUS / 64] = {};
};

// One for each proxy thread, where its signal handlers find it.
struct ProxyThread {
    SlotServer* server = nullptr;
    // The number of the request during which a signal handler of mcexec's has run in this thread, and of that which
    // the LWK has interrupted, having something for the program.
    volatile uint32_t handled = 0;
    volatile uint32_t interrupted = 0;
    // Of each signal, how many were taken over while the request `counted` waited to be done; see hold().
    uint32_t counted = 0;
    uint8_t taken[64] = {};
    volatile bool holds = false; // signals are blocked until it is done
    bool quick = false;          // what the thread does before it makes a call is nothing at present
    // Of the socket's timeout that the request of that number waits by, so much is over (STILL_CALL_WAITED).
    uint32_t waited_seq = 0;
    uint64_t waited_ns = 0;
    ExecState exec_state;
    bool is_about_to_execute = false; // exec_state has come: signals are blocked
    // STILL_CALL_BLOCKS_* of the last request: what this thread blocks of the terminal's signals.
    uint32_t tty_blocks = 0;
};

extern constinit thread_local ProxyThread* this_proxy;

// What mcexec was started with; before install_relay().
[[nodiscard]] SignalState inherited_signals();
// A signal that the program ignores is relayed all the same: it may get a handler, or be waited for. But the few
// whose disposition Linux itself acts by (SIGCHLD, SIGTTIN, SIGTTOU) have the program's.
void install_relay(const SignalState& inherited);
void set_disposition(int signo, bool ignored, uint64_t flags);
// After an execve() that failed.
void reinstall_relay();
// The dispositions that an execve() shall pass on.
void leave_ignored(uint64_t ignored);
void follow_tty_blocks(ProxyThread& proxy, uint32_t nr);
void take_default_action(int signo);
// Stops this process by the signal's default action; returns when it goes on.
void stop_by_signal(int signo);
void block_signals();
void unblock_signals();
void set_signal_mask(uint64_t mask);
// Signals that were held come.
void release_held(ProxyThread& proxy);
// Ends this process by that signal, so that the parent sees the status that the program's death has.
[[noreturn]] void die_by_signal(int signo);

} // namespace still::mcexec

extern "C" {
long mcexec_syscall(long nr, const uint64_t* args);
long mcexec_copy_string(char* to, uint64_t from, size_t room);
uint64_t mcexec_load_word(uint64_t from);
extern const char mcexec_load_fault[];
extern const char mcexec_copy_begin[];
extern const char mcexec_copy_fault[];
}
