// SPDX-License-Identifier: BSD-2-Clause
// Limits, times and attributes of the process.
#include <arch/cpu.hpp>
#include <exec/timers.hpp>
#include <exec/user_memory.hpp>
#include <sched/clock.hpp>
#include <syscall/dispatch.hpp>

namespace still {

namespace {

constexpr u32 rlimit_cpu = 0, rlimit_sigpending = 11;
constexpr u32 rlimit_data = 2, rlimit_stack = 3, rlimit_memlock = 8, rlimit_as = 9;

// Limits on memory and CPU time live here: they are about the LWK's, and must not bind the proxy.
still_limit* local_limit(Process& p, u64 resource)
{
    switch (resource) {
    case rlimit_data:
        return &p.space.limit_data;
    case rlimit_stack:
        return &p.limit_stack;
    case rlimit_memlock:
        return &p.limit_memlock;
    case rlimit_as:
        return &p.space.limit_as;
    case rlimit_cpu:
        return &p.limit_cpu;
    default:
        return nullptr;
    }
}

Status set_limit(Process& p, still_limit& limit, const still_limit& wanted)
{
    if (wanted.soft > wanted.hard)
        return fail(Errno::inval);
    if (wanted.hard > limit.hard)
        return fail(Errno::perm);
    limit = wanted;
    return &limit == &p.limit_cpu ? watch_cpu_limit(p) : Status{};
}

// Linux keeps this one, for children and /proc; the LWK goes by it.
SyscallResult offload_limit(Task& task, const Call& call, u64 resource, u64 wanted)
{
    const SyscallResult result = offload_unchanged(task, call);
    if (result && *result == 0 && wanted != 0 && resource == rlimit_sigpending)
        task.owner->limit_sigpending = TRY(UserIn<still_limit>(wanted).read());
    return result;
}

struct TimeVal {
    i64 seconds;
    i64 microseconds;
};

TimeVal to_timeval(u64 ns)
{
    return {static_cast<i64>(ns / 1'000'000'000), static_cast<i64>(ns % 1'000'000'000 / 1000)};
}

} // namespace

SyscallResult sys_prlimit64(Task& task, const Call& call)
{
    still_limit* limit = local_limit(*task.owner, call.arg[1]);
    const bool own = call.arg[0] == 0 || call.arg[0] == task.owner->pid;
    if (limit == nullptr || !own)
        return own ? offload_limit(task, call, call.arg[1], call.arg[2]) : offload_unchanged(task, call);
    const still_limit old = *limit;
    if (call.arg[2] != 0)
        TRY_STATUS(set_limit(*task.owner, *limit, TRY(UserIn<still_limit>(call.arg[2]).read())));
    if (call.arg[3] != 0)
        TRY_STATUS(UserOut<still_limit>(call.arg[3]).write(old));
    return 0;
}

SyscallResult sys_getrlimit(Task& task, const Call& call)
{
    still_limit* limit = local_limit(*task.owner, call.arg[0]);
    if (limit == nullptr)
        return offload_unchanged(task, call);
    TRY_STATUS(UserOut<still_limit>(call.arg[1]).write(*limit));
    return 0;
}

SyscallResult sys_setrlimit(Task& task, const Call& call)
{
    still_limit* limit = local_limit(*task.owner, call.arg[0]);
    if (limit == nullptr)
        return offload_limit(task, call, call.arg[0], call.arg[1]);
    TRY_STATUS(set_limit(*task.owner, *limit, TRY(UserIn<still_limit>(call.arg[1]).read())));
    return 0;
}

SyscallResult sys_clock_gettime(Task& task, const Call& call)
{
    const auto clock = find_clock(task, static_cast<i32>(call.arg[0]));
    if (!clock)
        return clock.error() == Errno::nosys ? offload_unchanged(task, call) : fail(clock.error());
    TRY_STATUS(UserOut<TimeSpec>(call.arg[1]).write(to_timespec(read_clock(*task.owner, *clock))));
    return 0;
}

SyscallResult sys_getrusage(Task& task, const Call& call)
{
    constexpr i32 self = 0, thread = 1;
    const auto who = static_cast<i32>(call.arg[0]);
    // Switches, faults, blocks and the children are as Linux counts them for the proxy.
    const SyscallResult base = offload_unchanged(task, call);
    if (!base || static_cast<i64>(*base) < 0 || (who != self && who != thread))
        return base;
    const u64 ticks = who == self ? process_busy_ticks(*task.owner) : busy_ticks(task);
    TRY_STATUS(UserOut<TimeVal>(call.arg[1]).write(to_timeval(tsc_to_ns(ticks))));
    return 0;
}

SyscallResult sys_times(Task& task, const Call& call)
{
    const SyscallResult base = offload_unchanged(task, call);
    if (base && call.arg[0] != 0) {
        const u64 clock_ticks = tsc_to_ns(process_busy_ticks(*task.owner)) / 10'000'000;
        TRY_STATUS(UserOut<u64>(call.arg[0]).write(clock_ticks));
    }
    return base;
}

SyscallResult sys_prctl(Task& task, const Call& call)
{
    // What is about the process or thread as Linux knows it goes to the proxy; what would change how the
    // proxy itself executes (seccomp, memory map, speculation) is refused.
    switch (call.arg[0]) {
    case 1:  // PR_SET_PDEATHSIG
    case 2:  // PR_GET_PDEATHSIG
    case 3:  // PR_GET_DUMPABLE
    case 4:  // PR_SET_DUMPABLE
    case 7:  // PR_GET_KEEPCAPS
    case 8:  // PR_SET_KEEPCAPS
    case 15: // PR_SET_NAME
    case 16: // PR_GET_NAME
    case 21: // PR_GET_SECCOMP
    case 23: // PR_CAPBSET_READ
    case 24: // PR_CAPBSET_DROP
    case 27: // PR_GET_SECUREBITS
    case 28: // PR_SET_SECUREBITS
    case 29: // PR_SET_TIMERSLACK
    case 30: // PR_GET_TIMERSLACK
    case 36: // PR_SET_CHILD_SUBREAPER
    case 37: // PR_GET_CHILD_SUBREAPER
    case 38: // PR_SET_NO_NEW_PRIVS
    case 39: // PR_GET_NO_NEW_PRIVS
    case 47: // PR_CAP_AMBIENT
        return offload_unchanged(task, call);
    default:
        return fail(Errno::inval);
    }
}

} // namespace still
