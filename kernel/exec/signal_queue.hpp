// SPDX-License-Identifier: BSD-2-Clause
// Signals that wait to be taken: a list for each number, so that the order is kept and nothing is searched.
// Pure; whoever owns a queue guards it.
#pragma once

#include <base/types.hpp>

namespace still {

constexpr u32 num_signals = 64;
constexpr u32 first_real_time = 32;
constexpr u64 signal_bit(u32 signo)
{
    return 1ull << (signo - 1);
}

// The first 48 bytes of siginfo_t, which are all that Linux keeps as well.
struct SignalInfo {
    u32 signo = 0;
    i32 error = 0;
    i32 code = 0;
    u32 pad = 0;
    u32 pid = 0;   // si_pid, si_timerid; with uid: si_addr, si_band
    u32 uid = 0;   // si_uid, si_overrun
    u64 value = 0; // si_value, si_status, si_fd
    u64 rest[2] = {};
};
static_assert(sizeof(SignalInfo) == 48);

constexpr SignalInfo sent_signal(u32 signo, i32 code, u32 pid = 0, u32 uid = 0)
{
    return {signo, 0, code, 0, pid, uid, 0, {}};
}
constexpr SignalInfo fault_signal(u32 signo, i32 code, u64 address)
{
    return {signo, 0, code, 0, static_cast<u32>(address), static_cast<u32>(address >> 32), 0, {}};
}

struct PosixTimer;

struct QueuedSignal {
    SignalInfo info;
    QueuedSignal* next = nullptr;
    PosixTimer* timer = nullptr; // whose own node this is
    bool queued = false;
};

class SignalQueue {
  public:
    // Read without the lock: a hint.
    [[nodiscard]] u64 set() const { return __atomic_load_n(&set_, __ATOMIC_RELAXED); }
    // A standard signal: merged with one that waits already.
    void add(const SignalInfo& info);
    // Behind all of its number. node is the queue's until it is taken.
    void append(QueuedSignal& node);
    // The oldest of that number, which must be there. nullptr: it was kept in the queue itself.
    QueuedSignal* take(u32 signo, SignalInfo& info);
    // Forgets all of these numbers; the nodes are chained behind what *freed holds.
    void discard(u64 set, QueuedSignal*& freed);
    // The n-th that waits, by number and then by age, without taking it. false: there are not so many.
    bool look(u32 n, SignalInfo& info) const;
    // One node out of the middle (its timer is deleted).
    void remove(QueuedSignal& node);

  private:
    struct List {
        QueuedSignal* first = nullptr;
        QueuedSignal* last = nullptr;
    };
    u64 set_ = 0;
    SignalInfo standard_[num_signals]; // signo 0: not here
    List lists_[num_signals];

    void settle(u32 signo);
};

} // namespace still
