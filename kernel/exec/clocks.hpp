// SPDX-License-Identifier: BSD-2-Clause
// Clocks by their number (clock_gettime(2)), as far as the LWK reads them itself.
#pragma once

#include <exec/process.hpp>

namespace still {

constexpr i32 clock_realtime = 0, clock_monotonic = 1, clock_process_cpu = 2, clock_thread_cpu = 3,
              clock_boottime = 7;

struct Clock {
    enum class Kind : u8 { realtime, monotonic, boottime, process_cpu, thread_cpu };
    Kind kind;
    u32 tid = 0; // thread_cpu

    [[nodiscard]] bool is_cpu_time() const { return kind >= Kind::process_cpu; }
};

// Also the CPU clocks of this process's threads that clock_getcpuclockid(3) names. nosys: Linux's business;
// inval: no such thread.
Result<Clock> find_clock(Task& task, i32 id);
[[nodiscard]] u64 read_clock(Process& p, const Clock& clock);
[[nodiscard]] u64 read_clock_locked(Process& p, const Clock& clock) REQUIRES(p.lock);
// When to read the clock again to see left ns pass: not later than that, in ns of real time. It may be set, or
// several CPUs may advance it.
[[nodiscard]] u64 look_again_in(Process& p, const Clock& clock, u64 left);

struct TimeSpec {
    i64 seconds;
    i64 nanoseconds;
};
// inval: not a time. Far-away times are cut to about 290 years.
Result<u64> to_ns(const TimeSpec& t);
Result<u64> read_ns(u64 user_timespec);
[[nodiscard]] TimeSpec to_timespec(u64 ns);
[[nodiscard]] constexpr u64 add_ns(u64 a, u64 b)
{
    constexpr u64 forever = ~0ull >> 1;
    return a > forever || b > forever - a ? forever : a + b;
}

} // namespace still
