// SPDX-License-Identifier: BSD-2-Clause
// A process's own timers: timer_create(2), ITIMER_VIRTUAL and ITIMER_PROF, RLIMIT_CPU. (ITIMER_REAL and alarm(2)
// are Linux's: they survive an execve.) One kernel thread per process that has any waits for the next of them, so
// a CPU without such a process never hears of it.
#pragma once

#include <exec/clocks.hpp>

namespace still {

struct PosixTimer {
    i32 id = 0;
    Clock clock{};
    bool sends = true; // else SIGEV_NONE
    u32 tid = 0;       // 0: the process
    u64 due = 0;       // ns of the clock; 0: not armed, or its signal waits to be taken
    u64 interval = 0;
    u64 fired = 0; // when it was due, while its signal waits
    i32 overrun = 0;
    QueuedSignal node;
    PosixTimer* next = nullptr;
    u64 late = 0; // while it is being fired: how long ago it was due
    PosixTimer* next_late = nullptr;
};

struct TimerSetting {
    u64 value = 0; // ns from now, 0: not armed
    u64 interval = 0;
};

// request: signo, value and tid of the signal. again: RLIMIT_SIGPENDING or memory.
Result<i32> create_timer(Process& p, const Clock& clock, bool sends, u32 tid, u32 signo, const u64* value);
// absolute: value is a time of the clock. inval: no such timer.
Result<TimerSetting> set_timer(Process& p, i32 id, const TimerSetting& wanted, bool absolute);
Result<TimerSetting> get_timer(Process& p, i32 id);
Result<i32> timer_overrun(Process& p, i32 id);
Status delete_timer(Process& p, i32 id);

// ITIMER_VIRTUAL or ITIMER_PROF. All of the LWK's time counts as user time.
Result<TimerSetting> set_cpu_timer(Process& p, bool profiling, const TimerSetting& wanted);
[[nodiscard]] TimerSetting get_cpu_timer(Process& p, bool profiling);
// RLIMIT_CPU has changed.
Status watch_cpu_limit(Process& p);

// What the timers need of signals (exec/signal.cpp); under the lock, in any context.
void post_locked(Process& p, const SignalInfo& info) REQUIRES(p.lock);
// false: ignored, or there is no such thread; the node is not queued then.
bool send_timer_signal(Process& p, u32 tid, QueuedSignal& node) REQUIRES(p.lock);
void forget_timer_signal(Process& p, QueuedSignal& node) REQUIRES(p.lock);

// Its signal was taken off the queue (info: to be completed) or forgotten: an interval timer goes on.
void timer_signal_gone(Process& p, PosixTimer& timer, SignalInfo* info) REQUIRES(p.lock);
// The process is being killed: its timer thread shall end.
void stop_timers(Process& p) REQUIRES(p.lock);
// No task and no timer thread is left.
void free_timers(Process& p);

} // namespace still
