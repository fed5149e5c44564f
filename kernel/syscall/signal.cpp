// SPDX-License-Identifier: BSD-2-Clause
// Signals: rt_sigaction(2) and its family, kill(2).
#include <arch/cpu.hpp>
#include <exec/user_memory.hpp>
#include <sched/clock.hpp>
#include <syscall/dispatch.hpp>

namespace still {

namespace {

constexpr u64 unblockable = signal_bit(sig_kill) | signal_bit(sig_stop);

struct UserAltStack {
    u64 sp;
    u32 flags;
    u32 pad;
    u64 size;
};

Status check_set_size(u64 size)
{
    if (size != 8)
        return fail(Errno::inval);
    return {};
}

} // namespace

SyscallResult sys_rt_sigaction(Task& task, const Call& call)
{
    TRY_STATUS(check_set_size(call.arg[3]));
    const u64 signo = call.arg[0];
    if (signo == 0 || signo > num_signals || (call.arg[1] != 0 && (signo == sig_kill || signo == sig_stop)))
        return fail(Errno::inval);
    SignalAction wanted;
    if (call.arg[1] != 0)
        wanted = TRY(UserIn<SignalAction>(call.arg[1]).read());
    SignalAction old;
    {
        Process& p = *task.owner;
        LockGuard guard(p.lock);
        SignalAction& a = p.actions.of[signo - 1];
        old = a;
        if (call.arg[1] != 0) {
            a = wanted;
            a.mask &= ~unblockable;
            if (a.handler == 1) {
                p.pending.set &= ~signal_bit(static_cast<u32>(signo));
                for (Task* t = p.tasks; t != nullptr; t = t->next_task)
                    t->signals.pending.set &= ~signal_bit(static_cast<u32>(signo));
            }
        }
    }
    if (call.arg[2] != 0)
        TRY_STATUS(UserOut<SignalAction>(call.arg[2]).write(old));
    return 0;
}

SyscallResult sys_rt_sigprocmask(Task& task, const Call& call)
{
    TRY_STATUS(check_set_size(call.arg[3]));
    const u64 old = task.signals.mask;
    if (call.arg[1] != 0) {
        const u64 set = TRY(UserIn<u64>(call.arg[1]).read());
        u64 mask;
        switch (call.arg[0]) {
        case 0:
            mask = old | set;
            break;
        case 1:
            mask = old & ~set;
            break;
        case 2:
            mask = set;
            break;
        default:
            return fail(Errno::inval);
        }
        LockGuard guard(task.owner->lock);
        task.signals.mask = mask & ~unblockable;
    }
    if (call.arg[2] != 0)
        TRY_STATUS(UserOut<u64>(call.arg[2]).write(old));
    return 0;
}

SyscallResult sys_rt_sigpending(Task& task, const Call& call)
{
    if (call.arg[1] > 8)
        return fail(Errno::inval);
    const u64 set = (task.signals.pending.set | task.owner->pending.set) & task.signals.mask;
    TRY_STATUS(copy_to_user(call.arg[0], &set, call.arg[1]));
    return 0;
}

SyscallResult sys_rt_sigreturn(Task& task, const Call& call)
{
    return_from_handler(task, call.frame);
    return call.frame.rax;
}

SyscallResult sys_pause(Task& task, const Call&)
{
    while (!signal_pending(task) && !task.owner->dying.load())
        park();
    return fail(Errno::restart); // ends with EINTR if a handler ran, waits on if none did
}

SyscallResult sys_rt_sigsuspend(Task& task, const Call& call)
{
    TRY_STATUS(check_set_size(call.arg[1]));
    const u64 set = TRY(UserIn<u64>(call.arg[0]).read());
    {
        LockGuard guard(task.owner->lock);
        if (!task.restore_mask)
            task.saved_mask = task.signals.mask;
        task.restore_mask = true;
        task.signals.mask = set & ~unblockable;
    }
    while (!signal_pending(task) && !task.owner->dying.load())
        park();
    return fail(Errno::restart);
}

SyscallResult sys_rt_sigtimedwait(Task& task, const Call& call)
{
    TRY_STATUS(check_set_size(call.arg[3]));
    const u64 set = TRY(UserIn<u64>(call.arg[0]).read()) & ~unblockable;
    u64 deadline = 0;
    if (call.arg[2] != 0) {
        const u64 seconds = TRY(UserIn<u64>(call.arg[2]).read(0));
        const u64 ns = TRY(UserIn<u64>(call.arg[2]).read(1));
        if (ns >= 1'000'000'000 || static_cast<i64>(seconds) < 0)
            return fail(Errno::inval);
        deadline = tsc_at_monotonic(monotonic_ns() + min<u64>(seconds, 1u << 30) * 1'000'000'000 + ns);
    }
    Process& p = *task.owner;
    for (;;) {
        SignalInfo info;
        {
            LockGuard guard(p.lock);
            SignalQueue* q = &task.signals.pending;
            if ((q->set & set) == 0)
                q = &p.pending;
            if ((q->set & set) != 0) {
                const u32 signo = static_cast<u32>(__builtin_ctzll(q->set & set)) + 1;
                q->set &= ~signal_bit(signo);
                info = q->info[signo - 1];
            }
        }
        if (info.signo != 0) {
            if (call.arg[1] != 0) {
                u8 out[128] = {};
                const i32 head[3] = {static_cast<i32>(info.signo), 0, info.code};
                __builtin_memcpy(out, head, sizeof(head));
                __builtin_memcpy(out + 16, &info.pid, 4);
                __builtin_memcpy(out + 20, &info.uid, 4);
                __builtin_memcpy(out + 24, &info.value, 8);
                TRY_STATUS(copy_to_user(call.arg[1], out, sizeof(out)));
            }
            return info.signo;
        }
        if (signal_pending(task) || p.dying.load())
            return fail(Errno::intr);
        if (deadline != 0 && arch::read_tsc() >= deadline)
            return fail(Errno::again);
        if (deadline != 0)
            park_until(deadline);
        else
            park();
    }
}

SyscallResult sys_sigaltstack(Task& task, const Call& call)
{
    constexpr u32 on_stack = 1, disable = 2, auto_disarm = 1u << 31;
    AltStack& alt = task.signals.alt;
    const bool in_use = alt.size != 0 && call.frame.rsp > alt.sp && call.frame.rsp - alt.sp <= alt.size;
    const UserAltStack old{alt.sp, (alt.flags & disable) != 0 ? disable : in_use ? on_stack : 0, 0, alt.size};
    if (call.arg[0] != 0) {
        const UserAltStack wanted = TRY(UserIn<UserAltStack>(call.arg[0]).read());
        if (in_use)
            return fail(Errno::perm);
        const u32 mode = wanted.flags & ~auto_disarm;
        if (mode != 0 && mode != disable && mode != on_stack)
            return fail(Errno::inval);
        if (mode == disable)
            alt = AltStack{};
        else if (wanted.size < 2048)
            return fail(Errno::nomem);
        else
            alt = {wanted.sp, 0, wanted.size};
    }
    if (call.arg[1] != 0)
        TRY_STATUS(UserOut<UserAltStack>(call.arg[1]).write(old));
    return 0;
}

SyscallResult sys_kill(Task& task, const Call& call)
{
    Process& p = *task.owner;
    // Other processes and groups are Linux's business; what reaches our proxy that way comes back to us.
    if (static_cast<i32>(call.arg[0]) != static_cast<i32>(p.pid))
        return offload_unchanged(task, call);
    if (call.arg[1] > num_signals)
        return fail(Errno::inval);
    if (call.arg[1] != 0)
        post_signal(p, nullptr, {static_cast<u32>(call.arg[1]), si_user, p.pid, p.uid, 0});
    return 0;
}

namespace {

SyscallResult signal_task(Task& task, const Call& call, u64 tid, u64 signo)
{
    Process& p = *task.owner;
    if (signo > num_signals || static_cast<i32>(tid) <= 0)
        return fail(Errno::inval);
    Task* target;
    {
        LockGuard guard(p.lock);
        target = find_task(p, static_cast<u32>(tid));
    }
    if (target == nullptr)
        return offload_unchanged(task, call);
    if (signo != 0)
        post_signal(p, target, {static_cast<u32>(signo), si_tkill, p.pid, p.uid, 0});
    return 0;
}

} // namespace

SyscallResult sys_tgkill(Task& task, const Call& call)
{
    if (static_cast<i32>(call.arg[0]) <= 0)
        return fail(Errno::inval);
    if (call.arg[0] != task.owner->pid)
        return offload_unchanged(task, call);
    return signal_task(task, call, call.arg[1], call.arg[2]);
}

SyscallResult sys_tkill(Task& task, const Call& call)
{
    return signal_task(task, call, call.arg[0], call.arg[1]);
}

} // namespace still
