// SPDX-License-Identifier: BSD-2-Clause
// Sending signals: kill(2), tkill(2), rt_sigqueueinfo(2). What is for this process stays here; all else is
// Linux's business, and what reaches our proxy that way comes back to us.
#include <exec/spare_proxies.hpp>
#include <exec/trace.hpp>
#include <exec/user_memory.hpp>
#include <syscall/dispatch.hpp>

namespace still {

namespace {

constexpr u64 siginfo_bytes = 128;
constexpr u32 nr_tgkill = 234;

// Linux's known_siginfo_layout(), as far as a sender can't mean anything else by these codes.
bool has_known_layout(u32 signo, i32 code)
{
    constexpr i32 si_dethread = -7, si_asyncnl = -60, poll_codes = 6;
    u32 codes = 0;
    switch (signo) {
    case sig_ill:
        codes = 11;
        break;
    case sig_fpe:
        codes = 15;
        break;
    case sig_segv:
        codes = 9;
        break;
    case sig_bus:
        codes = 5;
        break;
    case sig_trap:
    case sig_chld:
        codes = 6;
        break;
    case sig_sys:
        codes = 2;
        break;
    default:
        codes = poll_codes;
    }
    if (code > si_user)
        return code == si_kernel || code <= static_cast<i32>(codes);
    return code >= si_dethread || code == si_asyncnl;
}

Result<SignalInfo> read_info(u64 address, u32 signo)
{
    u8 raw[siginfo_bytes] = {};
    SignalInfo info;
    TRY_STATUS(copy_from_user(raw, address, sizeof(info)));
    __builtin_memcpy(&info, raw, sizeof(info));
    info.signo = signo;
    // The rest, of which nothing is kept, matters only if the sender may mean something by it.
    if (has_known_layout(signo, info.code))
        return info;
    TRY_STATUS(copy_from_user(raw + sizeof(info), address + sizeof(info), sizeof(raw) - sizeof(info)));
    for (u64 i = sizeof(info); i < sizeof(raw); ++i)
        if (raw[i] != 0)
            return fail(Errno::toobig);
    return info;
}

// To come from the kernel, or by kill() or tgkill(): a thread may tell so only itself.
bool pretends(const SignalInfo& info)
{
    return info.code >= 0 || info.code == si_tkill;
}

// tid 0: the process. Signal 0 only looks whether there is somebody.
SyscallResult send(Process& p, u32 tid, SignalInfo info)
{
    if (tid != 0) {
        LockGuard guard(p.lock);
        if (find_task(p, tid) == nullptr)
            return fail(Errno::srch);
    }
    if (info.signo > num_signals)
        return fail(Errno::inval);
    if (info.signo != 0)
        TRY_STATUS(send_signal(p, tid, info));
    return 0;
}

bool is_own_thread(Process& p, u64 tid)
{
    LockGuard guard(p.lock);
    return find_task(p, static_cast<u32>(tid)) != nullptr;
}

// A SIGSTOP for another process, or with tid for that thread of it. Linux would stop the proxies of one that is traced,
// where its tracer is to see it first; whether the caller may send it is Linux's to say.
SyscallResult send_to_other(Task& task, const Call& call, u32 pid, u32 tid, u32 signo, i32 code)
{
    const bool names_one = static_cast<i32>(tid != 0 ? tid : pid) > 0;
    if (signo != sig_stop || !names_one)
        return offload_unchanged(task, call);
    {
        const HeldThread target(tid != 0 ? tid : pid, *task.owner);
        if (!target || target->tracee == nullptr)
            return offload_unchanged(task, call);
    }
    const bool names_both = call.nr == nr_tgkill;
    const i64 allowed = TRY(offload_quickly(task, call.nr, call.arg[0], names_both ? call.arg[1] : 0, 0));
    if (allowed < 0)
        return fail(static_cast<Errno>(-allowed));
    const HeldThread target(tid != 0 ? tid : pid, *task.owner);
    return target ? send(*target->owner, tid, sent_signal(signo, code, task.owner->pid, task.uid))
                  : fail(Errno::srch);
}

} // namespace

SyscallResult sys_kill(Task& task, const Call& call)
{
    Process& p = *task.owner;
    if (static_cast<i32>(call.arg[0]) != static_cast<i32>(p.pid))
        return send_to_other(task, call, static_cast<u32>(call.arg[0]), 0, static_cast<u32>(call.arg[1]),
                             si_user);
    return send(p, 0, sent_signal(static_cast<u32>(call.arg[1]), si_user, p.pid, task.uid));
}

SyscallResult sys_tkill(Task& task, const Call& call)
{
    Process& p = *task.owner;
    const i32 tid = static_cast<i32>(call.arg[0]);
    if (tid <= 0)
        return fail(Errno::inval);
    if (!is_own_thread(p, call.arg[0]) && !is_spare_proxy(p, static_cast<u32>(tid)))
        return send_to_other(task, call, 0, static_cast<u32>(tid), static_cast<u32>(call.arg[1]), si_tkill);
    return send(p, static_cast<u32>(tid),
                sent_signal(static_cast<u32>(call.arg[1]), si_tkill, p.pid, task.uid));
}

SyscallResult sys_tgkill(Task& task, const Call& call)
{
    Process& p = *task.owner;
    const i32 tid = static_cast<i32>(call.arg[1]);
    if (static_cast<i32>(call.arg[0]) <= 0 || tid <= 0)
        return fail(Errno::inval);
    if (static_cast<u32>(call.arg[0]) != p.pid)
        return send_to_other(task, call, static_cast<u32>(call.arg[0]), static_cast<u32>(tid),
                             static_cast<u32>(call.arg[2]), si_tkill);
    return send(p, static_cast<u32>(tid),
                sent_signal(static_cast<u32>(call.arg[2]), si_tkill, p.pid, task.uid));
}

SyscallResult sys_rt_sigqueueinfo(Task& task, const Call& call)
{
    Process& p = *task.owner;
    if (static_cast<i32>(call.arg[0]) != static_cast<i32>(p.pid))
        return offload_unchanged(task, call);
    const SignalInfo info = TRY(read_info(call.arg[2], static_cast<u32>(call.arg[1])));
    if (pretends(info) && task.tid != p.pid)
        return fail(Errno::perm);
    return send(p, 0, info);
}

namespace {

// To a thread of another process. What Linux gives its proxy does not tell for which thread it was, so it goes from
// here to there if that is a process of the LWK; whether the caller may is Linux's to say.
SyscallResult queue_to_other(Task& task, const Call& call)
{
    const u32 pid = static_cast<u32>(call.arg[0]);
    if (!HeldProcess(pid, *task.owner))
        return offload_unchanged(task, call);
    const SignalInfo info = TRY(read_info(call.arg[3], static_cast<u32>(call.arg[2])));
    if (pretends(info))
        return fail(Errno::perm);
    if (info.signo > num_signals)
        return offload_unchanged(task, call);
    const i64 allowed = TRY(offload_quickly(task, nr_tgkill, call.arg[0], call.arg[1], 0));
    if (allowed < 0)
        return fail(static_cast<Errno>(-allowed));
    const HeldProcess peer(pid, *task.owner);
    return peer ? send(*peer, static_cast<u32>(call.arg[1]), info) : fail(Errno::srch);
}

} // namespace

SyscallResult sys_rt_tgsigqueueinfo(Task& task, const Call& call)
{
    Process& p = *task.owner;
    const i32 tid = static_cast<i32>(call.arg[1]);
    if (static_cast<i32>(call.arg[0]) > 0 && tid > 0 && static_cast<u32>(call.arg[0]) != p.pid)
        return queue_to_other(task, call);
    const SignalInfo info = TRY(read_info(call.arg[3], static_cast<u32>(call.arg[2])));
    if (static_cast<i32>(call.arg[0]) <= 0 || tid <= 0)
        return fail(Errno::inval);
    if (pretends(info) && static_cast<u32>(tid) != task.tid)
        return fail(Errno::perm);
    return send(p, static_cast<u32>(tid), info);
}

} // namespace still
