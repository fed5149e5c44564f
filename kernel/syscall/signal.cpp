// SPDX-License-Identifier: BSD-2-Clause
// Signals as their receiver sees them: rt_sigaction(2) and its family.
#include <arch/cpu.hpp>
#include <exec/signal_frame.hpp>
#include <exec/user_memory.hpp>
#include <sched/clock.hpp>
#include <syscall/dispatch.hpp>

namespace still {

namespace {

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

// Linux itself looks at these: what becomes of children, what a terminal does to a background process.
bool linux_acts_on(u64 signo)
{
    return signo == sig_chld || signo == sig_ttin || signo == sig_ttou;
}

void mirror_disposition(Task& task, u64 signo, const SignalAction& now, const SignalAction& before)
{
    constexpr u64 flags = sa_nocldstop | sa_nocldwait;
    const auto ignores = [](const SignalAction& a) { return a.handler == handler_ignore; };
    if (ignores(now) != ignores(before) || ((now.flags ^ before.flags) & flags) != 0)
        (void)offload_quickly(task, STILL_CALL_DISPOSITION, signo, ignores(now) ? 1 : 0, now.flags & flags);
}

} // namespace

SyscallResult sys_rt_sigaction(Task& task, const Call& call)
{
    TRY_STATUS(check_set_size(call.arg[3]));
    const u64 signo = static_cast<u32>(call.arg[0]);
    const bool change = call.arg[1] != 0;
    SignalAction wanted;
    if (change)
        wanted = TRY(UserIn<SignalAction>(call.arg[1]).read());
    if (signo == 0 || signo > num_signals || (change && (signo == sig_kill || signo == sig_stop)))
        return fail(Errno::inval);
    wanted.flags &= known_sa_flags;
    wanted.mask &= ~unblockable;
    Process& p = *task.owner;
    SignalAction old;
    {
        LockGuard guard(p.lock);
        SignalAction& a = p.actions.of[signo - 1];
        old = a;
        if (change)
            a = wanted;
    }
    const bool ignores = wanted.handler == handler_ignore || (wanted.handler == handler_default &&
                                                              is_ignored_by_default(static_cast<u32>(signo)));
    if (change && ignores)
        discard_signals(p, signal_bit(static_cast<u32>(signo)));
    if (change && linux_acts_on(signo))
        mirror_disposition(task, signo, wanted, old);
    if (call.arg[2] != 0)
        TRY_STATUS(UserOut<SignalAction>(call.arg[2]).write(old));
    return 0;
}

SyscallResult sys_rt_sigprocmask(Task& task, const Call& call)
{
    constexpr i32 block = 0, unblock = 1, set_mask = 2;
    TRY_STATUS(check_set_size(call.arg[3]));
    const u64 old = task.signals.mask;
    if (call.arg[1] != 0) {
        const u64 set = TRY(UserIn<u64>(call.arg[1]).read());
        switch (static_cast<i32>(call.arg[0])) {
        case block:
            set_signal_mask(task, old | set);
            break;
        case unblock:
            set_signal_mask(task, old & ~set);
            break;
        case set_mask:
            set_signal_mask(task, set);
            break;
        default:
            return fail(Errno::inval);
        }
    }
    if (call.arg[2] != 0)
        TRY_STATUS(UserOut<u64>(call.arg[2]).write(old));
    return 0;
}

SyscallResult sys_rt_sigpending(Task& task, const Call& call)
{
    if (call.arg[1] > 8)
        return fail(Errno::inval);
    u64 set = 0;
    {
        LockGuard guard(task.owner->lock);
        set = (task.signals.pending.set() | task.owner->pending.set()) & task.signals.mask;
    }
    TRY_STATUS(copy_to_user(call.arg[0], &set, call.arg[1]));
    return 0;
}

SyscallResult sys_rt_sigreturn(Task& task, const Call& call)
{
    return_from_handler(task, call.frame);
    task.attention = true; // all registers are others: by IRET
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
    set_temporary_mask(task, TRY(UserIn<u64>(call.arg[0]).read()));
    while (!signal_pending(task) && !task.owner->dying.load())
        park();
    return fail(Errno::restart);
}

namespace {

// 0: no limit.
Result<u64> deadline_in(u64 timespec)
{
    if (timespec == 0)
        return 0;
    const u64 seconds = TRY(UserIn<u64>(timespec).read(0));
    const u64 ns = TRY(UserIn<u64>(timespec).read(1));
    if (ns >= 1'000'000'000 || static_cast<i64>(seconds) < 0)
        return fail(Errno::inval);
    return max<u64>(tsc_at_monotonic(monotonic_ns() + min<u64>(seconds, 1u << 30) * 1'000'000'000 + ns), 1);
}

} // namespace

SyscallResult sys_rt_sigtimedwait(Task& task, const Call& call)
{
    TRY_STATUS(check_set_size(call.arg[3]));
    const u64 set = TRY(UserIn<u64>(call.arg[0]).read()) & ~unblockable;
    const u64 deadline = TRY(deadline_in(call.arg[2]));
    SignalInfo info;
    while (!accept_signal(task, set, info)) {
        if (signal_pending(task) || task.owner->dying.load())
            return fail(Errno::intr);
        if (deadline != 0 && arch::read_tsc() >= deadline)
            return fail(Errno::again);
        if (deadline != 0)
            park_until(deadline);
        else
            park();
    }
    if (call.arg[1] != 0) {
        u8 out[128] = {};
        __builtin_memcpy(out, &info, sizeof(info));
        TRY_STATUS(copy_to_user(call.arg[1], out, sizeof(out)));
    }
    return info.signo;
}

namespace {

// The file is made in Linux (linux-module/signalfd.c) and asks here what pends.
SyscallResult make_signalfd(Task& task, const Call& call, u64 flags)
{
    constexpr u64 nonblock = 0x800, cloexec = 0x80000;
    TRY_STATUS(check_set_size(call.arg[2]));
    const u64 set = TRY(UserIn<u64>(call.arg[1]).read());
    if ((flags & ~(nonblock | cloexec)) != 0)
        return fail(Errno::inval);
    const i64 fd = TRY(
        offload_quickly(task, STILL_CALL_SIGNALFD, static_cast<u32>(call.arg[0]), set & ~unblockable, flags));
    if (fd < 0)
        return fail(static_cast<Errno>(-fd));
    return static_cast<u64>(fd);
}

} // namespace

SyscallResult sys_signalfd(Task& task, const Call& call)
{
    return make_signalfd(task, call, 0);
}

SyscallResult sys_signalfd4(Task& task, const Call& call)
{
    return make_signalfd(task, call, static_cast<u32>(call.arg[3]));
}

SyscallResult sys_sigaltstack(Task& task, const Call& call)
{
    AltStack& alt = task.signals.alt;
    const u64 user_sp = call.frame.rsp;
    const UserAltStack old{alt.sp, alt.mode(user_sp) | (alt.flags & ss_autodisarm), 0, alt.size};
    if (call.arg[0] != 0) {
        const UserAltStack wanted = TRY(UserIn<UserAltStack>(call.arg[0]).read());
        if (alt.in_use(user_sp))
            return fail(Errno::perm);
        const u32 mode = wanted.flags & ~ss_autodisarm;
        if (mode > ss_disable)
            return fail(Errno::inval);
        if (mode != ss_disable && wanted.size < min_alt_stack)
            return fail(Errno::nomem);
        alt = mode == ss_disable ? AltStack{0, wanted.flags, 0}
                                 : AltStack{wanted.sp, wanted.flags, wanted.size};
    }
    if (call.arg[1] != 0)
        TRY_STATUS(UserOut<UserAltStack>(call.arg[1]).write(old));
    return 0;
}

} // namespace still
