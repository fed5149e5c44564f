// SPDX-License-Identifier: BSD-2-Clause
// futex(2): decoding.
#include <arch/cpu.hpp>
#include <exec/futex.hpp>
#include <exec/linux_memory.hpp>
#include <sched/clock.hpp>
#include <syscall/dispatch.hpp>

namespace still {

namespace {

constexpr u32 op_wait = 0, op_wake = 1, op_requeue = 3, op_cmp_requeue = 4, op_wake_op = 5,
              op_wait_bitset = 9, op_wake_bitset = 10;
constexpr u32 op_cmp_requeue_pi = 12, op_wait_requeue_pi = 11;
constexpr u32 flag_private = 128, flag_realtime = 256;

struct TimeSpec {
    i64 seconds;
    i64 nanoseconds;
};

Result<u64> nanoseconds(u64 address)
{
    const TimeSpec t = TRY(UserIn<TimeSpec>(address).read());
    if (t.seconds < 0 || t.nanoseconds < 0 || t.nanoseconds >= 1'000'000'000)
        return fail(Errno::inval);
    if (t.seconds > 4'000'000'000)
        return u64{4'000'000'000} * 1'000'000'000;
    return static_cast<u64>(t.seconds) * 1'000'000'000 + static_cast<u64>(t.nanoseconds);
}

bool has_second_word(u32 op)
{
    return op == op_requeue || op == op_cmp_requeue || op == op_wake_op || op == op_wait_requeue_pi ||
           op == op_cmp_requeue_pi;
}

// In memory whose home is Linux both kernels' threads wait, so Linux keeps the queue.
SyscallResult futex_in_linux(Task& task, const Call& call, u32 op)
{
    const auto result = offload_unchanged(task, call);
    if (!result && result.error() == Errno::restart && op == op_wait && call.arg[3] != 0)
        task.restart_nr = -1; // a relative timeout would start anew
    return result;
}

} // namespace

SyscallResult sys_futex(Task& task, const Call& call)
{
    Process& p = *task.owner;
    const u32 op = static_cast<u32>(call.arg[1]) & ~(flag_private | flag_realtime);
    const bool realtime = (call.arg[1] & flag_realtime) != 0;
    const u64 address = call.arg[0];
    const u32 value = static_cast<u32>(call.arg[2]);
    const u32 value3 = static_cast<u32>(call.arg[5]);
    // Private ones are between threads of this process, wherever the word lies.
    if ((call.arg[1] & flag_private) == 0 &&
        (is_in_linux(p, address) || (has_second_word(op) && is_in_linux(p, call.arg[4]))))
        return futex_in_linux(task, call, op);
    switch (op) {
    case op_wait:
    case op_wait_bitset: {
        u64 deadline = 0;
        if (call.arg[3] != 0) {
            const u64 ns = TRY(nanoseconds(call.arg[3]));
            if (op == op_wait)
                deadline = tsc_at_monotonic(monotonic_ns() + ns);
            else if (realtime)
                deadline = tsc_at_monotonic(ns - min(ns, realtime_ns() - monotonic_ns()));
            else
                deadline = tsc_at_monotonic(ns);
        }
        const u32 bits = op == op_wait ? futex::any_bit : value3;
        const Status s = futex::wait(task, address, value, bits, deadline);
        if (!s && s.error() == Errno::intr) {
            // A relative timeout would start anew.
            task.restart_nr = op == op_wait && deadline != 0 ? -1 : static_cast<i32>(call.nr);
            return fail(Errno::restart);
        }
        TRY_STATUS(s);
        return 0;
    }
    case op_wake:
    case op_wake_bitset:
        return TRY(futex::wake(p, address, value, op == op_wake ? futex::any_bit : value3));
    case op_requeue:
    case op_cmp_requeue:
        return TRY(futex::requeue(p, address, call.arg[4], value, static_cast<u32>(call.arg[3]),
                                  op == op_cmp_requeue, value3));
    case op_wake_op:
        return TRY(futex::wake_op(p, address, call.arg[4], value, static_cast<u32>(call.arg[3]), value3));
    default:
        return fail(Errno::nosys); // PI operations: docs/limits.md
    }
}

SyscallResult sys_set_robust_list(Task& task, const Call& call)
{
    if (call.arg[1] != 24)
        return fail(Errno::inval);
    task.robust_list = call.arg[0];
    return 0;
}

SyscallResult sys_get_robust_list(Task& task, const Call& call)
{
    u64 head = task.robust_list;
    if (call.arg[0] != 0 && call.arg[0] != task.tid) {
        LockGuard guard(task.owner->lock);
        Task* other = find_task(*task.owner, static_cast<u32>(call.arg[0]));
        if (other == nullptr)
            return fail(Errno::srch);
        head = other->robust_list;
    }
    TRY_STATUS(UserOut<u64>(call.arg[1]).write(head));
    TRY_STATUS(UserOut<u64>(call.arg[2]).write(24));
    return 0;
}

} // namespace still
