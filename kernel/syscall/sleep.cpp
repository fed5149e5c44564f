// SPDX-License-Identifier: BSD-2-Clause
// nanosleep(2) and restart_syscall(2): a thread sleeps on its own CPU, without Linux. Waits of Linux's with a relative
// timeout, of which the LWK knows how much is left.
#include <exec/clocks.hpp>
#include <exec/user_memory.hpp>
#include <sched/clock.hpp>
#include <syscall/dispatch.hpp>

namespace still {

namespace {

constexpr u64 abstime = 1;

// false: there is a signal.
bool sleep_until(Task& task, const Clock& clock, u64 when)
{
    for (;;) {
        const u64 now = read_clock(*task.owner, clock);
        if (now >= when)
            return true;
        if (signal_pending(task) || task.owner->dying.load())
            return false;
        park_until(tsc_at_monotonic(monotonic_ns() + look_again_in(*task.owner, clock, when - now)));
    }
}

SyscallResult sleep_on(Task& task, i32 id, u64 when, u64 remainder);

SyscallResult sleep_again(Task& task, const Resume& left)
{
    return sleep_on(task, static_cast<i32>(left.arg[0]), left.deadline, left.arg[1]);
}

// A relative sleep, whose end is known by now.
SyscallResult sleep_on(Task& task, i32 id, u64 when, u64 remainder)
{
    const Clock clock = TRY(find_clock(task, id));
    if (sleep_until(task, clock, when))
        return 0;
    if (remainder != 0) {
        const u64 now = read_clock(*task.owner, clock);
        TRY_STATUS(UserOut<TimeSpec>(remainder).write(to_timespec(when > now ? when - now : 0)));
    }
    task.resume = {sleep_again, when, {static_cast<u32>(id), remainder}};
    return fail(Errno::restart);
}

} // namespace

SyscallResult sys_nanosleep(Task& task, const Call& call)
{
    const u64 ns = TRY(read_ns(call.arg[0]));
    return sleep_on(task, clock_monotonic, add_ns(monotonic_ns(), ns), call.arg[1]);
}

SyscallResult sys_clock_nanosleep(Task& task, const Call& call)
{
    const i32 id = static_cast<i32>(call.arg[0]);
    const auto clock = find_clock(task, id);
    if (!clock)
        return clock.error() == Errno::nosys ? offload_unchanged(task, call) : fail(clock.error());
    if (clock->kind == Clock::Kind::thread_cpu && clock->tid == task.tid) // does not advance in its own sleep
        return fail(id == clock_thread_cpu ? Errno::opnotsupp : Errno::inval);
    const u64 ns = TRY(read_ns(call.arg[2]));
    if ((call.arg[1] & abstime) != 0) {
        if (sleep_until(task, *clock, ns))
            return 0;
        return fail(Errno::restart); // EINTR after a handler, else the same again
    }
    const i32 used = id == clock_realtime ? clock_monotonic : id; // setting the clock does not matter
    const Clock base = TRY(find_clock(task, used));
    return sleep_on(task, used, add_ns(read_clock(*task.owner, base), ns), call.arg[3]);
}

SyscallResult sys_restart_syscall(Task& task, const Call&)
{
    const Resume left = task.resume;
    task.resume.again = nullptr;
    return left.again != nullptr ? left.again(task, left) : fail(Errno::intr);
}

namespace {

SyscallResult timed_again(Task& task, const Resume& left)
{
    const u64 now = monotonic_ns();
    const u64 rest = left.deadline > now ? left.deadline - now : 0;
    const i64 result =
        TRY(offload(task, STILL_CALL_TIMED, left.arg[0], left.arg[1], left.arg[2], left.arg[3], rest));
    if (result == -STILL_EINTR_STOPPED)
        return fail(Errno::intr);
    if (result != -static_cast<i64>(Errno::intr))
        return static_cast<u64>(result);
    task.resume = left;
    return fail(Errno::restart);
}

} // namespace

SyscallResult timed_in_linux(Task& task, const Call& call, u64 ns)
{
    return timed_again(
        task, {timed_again, add_ns(monotonic_ns(), ns), {call.nr, call.arg[0], call.arg[1], call.arg[2]}});
}

SyscallResult sys_semtimedop(Task& task, const Call& call)
{
    const auto ns = call.arg[3] != 0 ? read_ns(call.arg[3]) : Result<u64>(0);
    if (!ns && ns.error() == Errno::fault)
        return fail(Errno::fault);
    if (call.arg[3] != 0 && ns)
        return timed_in_linux(task, call, *ns);
    const SyscallResult result = offload_unchanged(task, call);
    task.restart_nr = -1; // never after a handler (signal(7))
    return result;
}

} // namespace still
