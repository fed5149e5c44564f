// SPDX-License-Identifier: BSD-2-Clause
// What a process and its threads have used: CPU time is the LWK's, what Linux did for them Linux counts.
#include <exec/user_memory.hpp>
#include <mm/frame_allocator.hpp>
#include <sched/clock.hpp>
#include <syscall/dispatch.hpp>

namespace still {

namespace {

struct TimeVal {
    i64 seconds;
    i64 microseconds;
};

TimeVal to_timeval(u64 ns)
{
    return {static_cast<i64>(ns / 1'000'000'000), static_cast<i64>(ns % 1'000'000'000 / 1000)};
}

u64 thread_ns(const Task& task)
{
    return tsc_to_ns(busy_ticks(task));
}

// A clock of another thread or process (clock_getcpuclockid(3)): Linux's encoding.
struct CpuClock {
    explicit CpuClock(u64 id)
        : number(static_cast<u32>(~(static_cast<i32>(id) >> 3))), type(id & 3), is_thread((id & 4) != 0)
    {
    }
    u32 number; // pid or tid, 0: the caller's
    u64 type;   // 3: a file's clock, not one of these
    bool is_thread;
};

Result<u64> cpu_clock_ns(Task& task, const CpuClock& clock, bool& is_linux)
{
    Process& p = *task.owner;
    if (clock.is_thread) {
        if (clock.number == 0)
            return thread_ns(task);
        LockGuard guard(p.lock);
        const Task* other = find_task(p, clock.number);
        if (other == nullptr)
            return fail(Errno::inval);
        return thread_ns(*other);
    }
    if (clock.number == 0 || clock.number == p.pid)
        return process_cpu_ns(p);
    const HeldProcess other(clock.number, p);
    is_linux = !other;
    return other ? process_cpu_ns(*other) : 0;
}

} // namespace

SyscallResult sys_clock_gettime(Task& task, const Call& call)
{
    constexpr u64 realtime = 0, monotonic = 1, process_cpu = 2, thread_cpu = 3, boottime = 7;
    u64 ns;
    switch (call.arg[0] & 0xffffffff) {
    case realtime:
        ns = realtime_ns();
        break;
    case monotonic:
        ns = monotonic_ns();
        break;
    case process_cpu:
        ns = process_cpu_ns(*task.owner);
        break;
    case thread_cpu:
        ns = thread_ns(task);
        break;
    case boottime:
        ns = boottime_ns();
        break;
    default: {
        const CpuClock clock(call.arg[0]);
        if (static_cast<i32>(call.arg[0]) >= 0 || clock.type == 3)
            return offload_unchanged(task, call);
        bool is_linux = false;
        ns = TRY(cpu_clock_ns(task, clock, is_linux));
        if (is_linux)
            return offload_unchanged(task, call);
    }
    }
    TRY_STATUS(UserOut<u64>(call.arg[1]).write(ns / 1'000'000'000, 0));
    TRY_STATUS(UserOut<u64>(call.arg[1]).write(ns % 1'000'000'000, 1));
    return 0;
}

SyscallResult sys_getrusage(Task& task, const Call& call)
{
    constexpr i32 self = 0, thread = 1;
    constexpr u64 max_rss_at = 32, minor_faults_at = 64;
    const auto who = static_cast<i32>(call.arg[0]);
    // What Linux did for the process, and all of its children, is as Linux counts it.
    const SyscallResult base = offload_unchanged(task, call);
    if (!base || static_cast<i64>(*base) < 0 || (who != self && who != thread))
        return base;
    Process& p = *task.owner;
    const u64 ns = who == self ? process_cpu_ns(p) : thread_ns(task);
    TRY_STATUS(UserOut<TimeVal>(call.arg[1]).write(to_timeval(ns)));
    TRY_STATUS(UserOut<u64>(call.arg[1] + max_rss_at).write(p.space.peak_resident_bytes() / KiB));
    if (who == self)
        TRY_STATUS(
            UserOut<u64>(call.arg[1] + minor_faults_at).write(p.page_faults.load(std::memory_order_relaxed)));
    return 0;
}

SyscallResult sys_times(Task& task, const Call& call)
{
    const SyscallResult base = offload_unchanged(task, call);
    if (base && static_cast<i64>(*base) >= 0 && call.arg[0] != 0) {
        const u64 clock_ticks = process_cpu_ns(*task.owner) / 10'000'000;
        TRY_STATUS(UserOut<u64>(call.arg[0]).write(clock_ticks));
    }
    return base;
}

SyscallResult sys_sysinfo(Task& task, const Call& call)
{
    // struct sysinfo of linux/sysinfo.h: total, free, shared and buffer memory, total and free swap.
    constexpr u64 memory_at = 32, unit_at = 104;
    const SyscallResult base = offload_unchanged(task, call);
    if (!base || static_cast<i64>(*base) < 0)
        return base;
    const u64 memory[6] = {frames::total_bytes(), frames::free_bytes()};
    TRY_STATUS(copy_to_user(call.arg[0] + memory_at, memory, sizeof(memory)));
    TRY_STATUS(UserOut<u32>(call.arg[0] + unit_at).write(1));
    return base;
}

} // namespace still
