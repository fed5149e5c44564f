// SPDX-License-Identifier: BSD-2-Clause
#include <exec/clocks.hpp>
#include <exec/user_memory.hpp>
#include <sched/clock.hpp>

namespace still {

namespace {

constexpr u64 second = 1'000'000'000;

// Linux's encoding of CPU clocks: ~id << 3 | 4 (of a thread) | which of its three.
Result<Clock> find_cpu_clock(Task& task, i32 id)
{
    Process& p = *task.owner;
    const u32 who = ~static_cast<u32>(id >> 3);
    const bool thread = (id & 4) != 0;
    if ((id & 3) == 3)
        return fail(thread ? Errno::inval : Errno::nosys); // the latter: a file's clock
    if (!thread) {
        if (who == 0 || who == p.pid)
            return Clock{Clock::Kind::process_cpu};
        return fail(Errno::nosys);
    }
    if (who == 0)
        return Clock{Clock::Kind::thread_cpu, task.tid};
    LockGuard guard(p.lock);
    if (find_task(p, who) == nullptr)
        return fail(Errno::inval);
    return Clock{Clock::Kind::thread_cpu, who};
}

} // namespace

Result<Clock> find_clock(Task& task, i32 id)
{
    switch (id) {
    case clock_realtime:
        return Clock{Clock::Kind::realtime};
    case clock_monotonic:
        return Clock{Clock::Kind::monotonic};
    case clock_boottime:
        return Clock{Clock::Kind::boottime};
    case clock_process_cpu:
        return Clock{Clock::Kind::process_cpu};
    case clock_thread_cpu:
        return Clock{Clock::Kind::thread_cpu, task.tid};
    default:
        return id < 0 ? find_cpu_clock(task, id) : fail(Errno::nosys);
    }
}

u64 read_clock_locked(Process& p, const Clock& clock)
{
    switch (clock.kind) {
    case Clock::Kind::realtime:
        return realtime_ns();
    case Clock::Kind::monotonic:
        return monotonic_ns();
    case Clock::Kind::boottime:
        return boottime_ns();
    case Clock::Kind::process_cpu:
        return p.cpu_base_ns + tsc_to_ns(process_busy_ticks_locked(p));
    case Clock::Kind::thread_cpu:
        break;
    }
    const Task* t = find_task(p, clock.tid);
    return t != nullptr ? tsc_to_ns(busy_ticks(*t)) : 0;
}

u64 read_clock(Process& p, const Clock& clock)
{
    LockGuard guard(p.lock);
    return read_clock_locked(p, clock);
}

u64 look_again_in(Process& p, const Clock& clock, u64 left)
{
    constexpr u64 shortest = 1'000'000;
    if (clock.kind == Clock::Kind::realtime)
        return min(left, second); // it may be set
    if (clock.kind != Clock::Kind::process_cpu)
        return left;
    LockGuard guard(p.lock);
    return max(left / max(p.num_tasks, 1u), shortest);
}

Result<u64> to_ns(const TimeSpec& t)
{
    if (t.seconds < 0 || t.nanoseconds < 0 || t.nanoseconds >= static_cast<i64>(second))
        return fail(Errno::inval);
    constexpr u64 most_seconds = (~0ull >> 1) / second - 1;
    return min(static_cast<u64>(t.seconds), most_seconds) * second + static_cast<u64>(t.nanoseconds);
}

Result<u64> read_ns(u64 user_timespec)
{
    const TimeSpec t = TRY(UserIn<TimeSpec>(user_timespec).read());
    return to_ns(t);
}

TimeSpec to_timespec(u64 ns)
{
    return {static_cast<i64>(ns / second), static_cast<i64>(ns % second)};
}

} // namespace still
