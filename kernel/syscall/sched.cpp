// SPDX-License-Identifier: BSD-2-Clause
// Policies, priorities and nice values (sched(7)); rseq(2), membarrier(2). The nice value is Linux's, which the
// proxy thread has as well; the policy is the LWK's alone: a real-time proxy would starve Linux.
#include <arch/cpu.hpp>
#include <exec/futex.hpp>
#include <exec/rseq.hpp>
#include <exec/user_memory.hpp>
#include <syscall/dispatch.hpp>

namespace still {

namespace {

constexpr u32 policy_fifo = 1, policy_rr = 2, policy_batch = 3, policy_idle = 5, policy_deadline = 6;
constexpr u32 reset_on_fork = 0x40000000;
constexpr u64 nr_getpriority = 140, nr_setpriority = 141;

bool is_known(u32 policy)
{
    return policy <= policy_batch || policy == policy_idle;
}

bool is_real_time(u32 policy)
{
    return policy == policy_fifo || policy == policy_rr;
}

// What the caller may do, as Linux has it for the proxy thread.
struct Rights {
    bool capable; // CAP_SYS_NICE
    u32 rt_limit;
};

Result<Rights> rights(Task& task)
{
    const i64 answer = TRY(offload(task, STILL_CALL_SCHED_RIGHTS));
    return Rights{(answer & STILL_RIGHT_NICE) != 0, static_cast<u32>(answer & STILL_RIGHT_RT_LIMIT)};
}

Result<i32> nice_of(Task& task, const Task& target)
{
    const i64 answer = TRY(offload(task, nr_getpriority, 0, target.tid));
    if (answer < 0)
        return fail(static_cast<Errno>(-answer));
    return static_cast<i32>(20 - answer);
}

Status set_nice(Task& task, const Task& target, i32 nice)
{
    const i64 answer =
        TRY(offload(task, nr_setpriority, 0, target.tid, static_cast<u64>(static_cast<i64>(nice))));
    if (answer < 0)
        return fail(answer == -static_cast<i64>(Errno::acces) ? Errno::perm : static_cast<Errno>(-answer));
    return {};
}

struct Wish {
    u32 policy;
    u32 priority;
    bool reset_on_fork;
    bool with_nice;
    i32 nice;
};

Status change(Task& task, Task& target, const Wish& wish)
{
    if (wish.policy == policy_deadline)
        return fail(Errno::busy); // there is no bandwidth for it: docs/limits.md
    if (!is_known(wish.policy) || wish.priority > 99 || is_real_time(wish.policy) != (wish.priority != 0))
        return fail(Errno::inval);
    const Scheduling old = target.sched;
    const bool changes_policy = static_cast<u32>(old.policy) != wish.policy;
    if ((is_real_time(wish.policy) && (changes_policy || wish.priority > old.priority)) ||
        (old.policy == Policy::idle && changes_policy) || (old.reset_on_fork && !wish.reset_on_fork)) {
        const Rights r = TRY(rights(task));
        const bool within = is_real_time(wish.policy) && (!changes_policy || r.rt_limit != 0) &&
                            (wish.priority <= old.priority || wish.priority <= r.rt_limit) &&
                            (!old.reset_on_fork || wish.reset_on_fork);
        if (!r.capable && !within)
            return fail(Errno::perm);
    }
    Scheduling now = old;
    if (wish.with_nice && !is_real_time(wish.policy)) {
        TRY_STATUS(set_nice(task, target, wish.nice));
        now.nice = wish.nice;
    }
    now.policy = static_cast<Policy>(wish.policy);
    now.priority = static_cast<u8>(wish.priority);
    now.reset_on_fork = wish.reset_on_fork;
    set_scheduling(target, now);
    futex::priority_changed(target);
    return {};
}

SyscallResult change_or_forward(Task& task, const Call& call, const Wish& wish)
{
    const HeldTask target(task, call.arg[0]); // or it is of another process
    if (!target)
        return offload_unchanged(task, call);
    TRY_STATUS(change(task, *target, wish));
    return 0;
}

bool is_bad_pid(u64 pid)
{
    return static_cast<i32>(pid) < 0;
}

} // namespace

SyscallResult sys_sched_setscheduler(Task& task, const Call& call)
{
    if (static_cast<i32>(call.arg[1]) < 0 || is_bad_pid(call.arg[0]) || call.arg[2] == 0)
        return fail(Errno::inval);
    const u32 policy = static_cast<u32>(call.arg[1]);
    const u32 priority = TRY(UserIn<u32>(call.arg[2]).read());
    return change_or_forward(task, call,
                             {policy & ~reset_on_fork, priority, (policy & reset_on_fork) != 0, false, 0});
}

SyscallResult sys_sched_setparam(Task& task, const Call& call)
{
    if (is_bad_pid(call.arg[0]) || call.arg[1] == 0)
        return fail(Errno::inval);
    const u32 priority = TRY(UserIn<u32>(call.arg[1]).read());
    const HeldTask target(task, call.arg[0]); // or it is of another process
    if (!target)
        return offload_unchanged(task, call);
    const Scheduling now = target->sched;
    TRY_STATUS(change(task, *target, {static_cast<u32>(now.policy), priority, now.reset_on_fork, false, 0}));
    return 0;
}

SyscallResult sys_sched_getscheduler(Task& task, const Call& call)
{
    if (is_bad_pid(call.arg[0]))
        return fail(Errno::inval);
    const HeldTask target(task, call.arg[0]); // or it is of another process
    if (!target)
        return offload_unchanged(task, call);
    return static_cast<u64>(target->sched.policy) | (target->sched.reset_on_fork ? reset_on_fork : 0);
}

SyscallResult sys_sched_getparam(Task& task, const Call& call)
{
    if (is_bad_pid(call.arg[0]) || call.arg[1] == 0)
        return fail(Errno::inval);
    const HeldTask target(task, call.arg[0]); // or it is of another process
    if (!target)
        return offload_unchanged(task, call);
    TRY_STATUS(UserOut<u32>(call.arg[1]).write(target->sched.rt_priority()));
    return 0;
}

SyscallResult sys_sched_rr_get_interval(Task& task, const Call& call)
{
    if (is_bad_pid(call.arg[0]))
        return fail(Errno::inval);
    const HeldTask target(task, call.arg[0]); // or it is of another process
    if (!target)
        return offload_unchanged(task, call);
    TRY_STATUS(UserOut<u64>(call.arg[1]).write(0, 0));
    TRY_STATUS(UserOut<u64>(call.arg[1]).write(slice_of(target->sched) * 1000, 1));
    return 0;
}

namespace {

// struct sched_attr of linux/sched/types.h
struct SchedAttr {
    u32 size;
    u32 policy;
    u64 flags;
    i32 nice;
    u32 priority;
    u64 runtime, deadline, period;
    u32 util_min, util_max;
};
static_assert(sizeof(SchedAttr) == 56);
constexpr u32 attr_size_0 = 48;
constexpr u64 attr_reset_on_fork = 1, attr_keep_policy = 8, attr_keep_params = 16, attr_util_clamp = 0x60,
              attr_known = 0x7f;

Result<SchedAttr> read_attr(u64 address)
{
    SchedAttr attr{};
    u32 size = TRY(UserIn<u32>(address).read());
    if (size == 0)
        size = attr_size_0;
    bool good = size >= attr_size_0 && size <= page_size;
    if (good)
        TRY_STATUS(copy_from_user(&attr, address, min<u64>(size, sizeof(attr))));
    for (u32 at = sizeof(attr); good && at < size; ++at)
        good = TRY(UserIn<u8>(address + at).read()) == 0;
    if (!good) {
        // So that a newer program learns what there is.
        TRY_STATUS(UserOut<u32>(address).write(sizeof(attr)));
        return fail(Errno::toobig);
    }
    attr.size = size;
    attr.nice = max(-20, min(19, attr.nice));
    return attr;
}

} // namespace

SyscallResult sys_sched_setattr(Task& task, const Call& call)
{
    if (call.arg[1] == 0 || is_bad_pid(call.arg[0]) || call.arg[2] != 0)
        return fail(Errno::inval);
    SchedAttr attr = TRY(read_attr(call.arg[1]));
    if (((attr.flags & attr_util_clamp) != 0 && attr.size < sizeof(attr)) ||
        static_cast<i32>(attr.policy) < 0)
        return fail(Errno::inval);
    const HeldTask target(task, call.arg[0]); // or it is of another process
    if (!target)
        return offload_unchanged(task, call);
    if ((attr.flags & ~attr_known) != 0)
        return fail(Errno::inval);
    if ((attr.flags & attr_util_clamp) != 0)
        return fail(Errno::opnotsupp); // as a Linux that was built without
    const Scheduling now = target->sched;
    if ((attr.flags & attr_keep_policy) != 0)
        attr.policy = static_cast<u32>(now.policy);
    const bool keeps = (attr.flags & attr_keep_params) != 0;
    const Wish wish{attr.policy, keeps ? now.rt_priority() : attr.priority,
                    (attr.flags & attr_reset_on_fork) != 0, !keeps, attr.nice};
    TRY_STATUS(change(task, *target, wish));
    return 0;
}

SyscallResult sys_sched_getattr(Task& task, const Call& call)
{
    const u64 size = call.arg[2] & 0xffffffff;
    if (call.arg[1] == 0 || is_bad_pid(call.arg[0]) || size > page_size || size < attr_size_0 ||
        call.arg[3] != 0)
        return fail(Errno::inval);
    const HeldTask target(task, call.arg[0]); // or it is of another process
    if (!target)
        return offload_unchanged(task, call);
    const Scheduling now = target->sched;
    SchedAttr attr{};
    attr.size = static_cast<u32>(min<u64>(size, sizeof(attr)));
    attr.policy = static_cast<u32>(now.policy);
    attr.flags = now.reset_on_fork ? attr_reset_on_fork : 0;
    attr.priority = now.rt_priority();
    if (!now.is_real_time())
        attr.nice = TRY(nice_of(task, *target));
    TRY_STATUS(copy_to_user(call.arg[1], &attr, attr.size));
    return 0;
}

SyscallResult sys_setpriority(Task& task, const Call& call)
{
    constexpr u64 process = 0;
    const SyscallResult result = offload_unchanged(task, call);
    if (!result || *result != 0 || call.arg[0] != process)
        return result;
    if (const HeldTask target(task, call.arg[1]); target) {
        Scheduling now = target->sched;
        now.nice = max(-20, min(19, static_cast<i32>(call.arg[2])));
        set_scheduling(*target, now);
    }
    return result;
}

SyscallResult sys_rseq(Task& task, const Call& call)
{
    constexpr u64 unregister = 1;
    const u64 length = call.arg[1] & 0xffffffff;
    const u64 flags = call.arg[2] & 0xffffffff;
    const u32 signature = static_cast<u32>(call.arg[3]);
    if (flags == unregister)
        TRY_STATUS(rseq::withdraw(task, call.arg[0], length, signature));
    else if (flags != 0)
        return fail(Errno::inval);
    else
        TRY_STATUS(rseq::enroll(task, call.arg[0], length, signature));
    return 0;
}

SyscallResult sys_membarrier(Task& task, const Call& call)
{
    enum Command : u32 {
        query = 0,
        global = 1,
        global_expedited = 2,
        register_global = 4,
        private_expedited = 8,
        register_private = 16,
        private_core = 32,
        register_core = 64,
        private_rseq = 128,
        register_rseq = 256,
        all = 511,
    };
    const u32 command = static_cast<u32>(call.arg[0]);
    const u32 flags = static_cast<u32>(call.arg[1]);
    constexpr u32 flag_cpu = 1;
    if (flags != 0 && (command != private_rseq || flags != flag_cpu))
        return fail(Errno::inval);
    Process& p = *task.owner;
    switch (command) {
    case query:
        return all;
    case global:
    case global_expedited:
        fence(nullptr, false);
        return 0;
    case register_global:
    case register_private:
    case register_core:
    case register_rseq:
        p.membarrier.fetch_or(command);
        return 0;
    case private_expedited:
    case private_core:
    case private_rseq: {
        if ((p.membarrier.load() & command << 1) == 0)
            return fail(Errno::perm);
        const CpuId only(static_cast<u32>(call.arg[2]));
        fence(&p.space, command == private_rseq, flags == flag_cpu ? &only : nullptr);
        return 0;
    }
    default:
        return fail(Errno::inval);
    }
}

} // namespace still
