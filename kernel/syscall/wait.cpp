// SPDX-License-Identifier: BSD-2-Clause
// wait4(2) and waitid(2). Children are Linux's: their proxies. What has become of the tasks that a process traces the
// LWK knows (exec/trace.hpp). Who traces none, asks Linux alone.
#include <arch/cpu.hpp>
#include <exec/trace.hpp>
#include <exec/user_memory.hpp>
#include <sched/clock.hpp>
#include <syscall/dispatch.hpp>

namespace still {

namespace {

constexpr u64 no_hang = 1, no_wait = 0x01000000, no_thread = 0x20000000;
constexpr u64 wait4_options = 0xe000000b, waitid_options = wait4_options | no_wait | 4;
constexpr u64 rusage_bytes = 144, siginfo_bytes = 128;

struct Wanted {
    i32 pid = -1; // -1: any; groups of processes are taken for that
    u64 options = 0;
    u32 options_at = 0; // the number of that argument
    u64 usage_to = 0;
    SyscallResult (*tell)(const Call&, const trace::Told&);
    bool (*has_found)(const Call&, i64 answer); // Linux, one of its children
};

// Linux, without waiting there.
Result<i64> ask_linux(Task& task, const Call& call, const Wanted& wanted)
{
    u64 arg[6];
    for (u32 i = 0; i < 6; ++i)
        arg[i] = call.arg[i] | (i == wanted.options_at ? no_hang : 0);
    return offload_quickly(task, call.nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}

bool is_there(Task& task, u32 pid)
{
    constexpr u32 nr_kill = 62;
    const auto answer = offload_quickly(task, nr_kill, pid, 0);
    return !answer || *answer != -static_cast<i64>(Errno::srch);
}

SyscallResult wait_for(Task& task, const Call& call, const Wanted& wanted)
{
    // How long Linux's children may wait to be seen by a tracer. Its tracees it hears of at once.
    constexpr u64 look_again_us = 2'000;
    const bool own_only = (wanted.options & no_thread) != 0, only_look = (wanted.options & no_wait) != 0;
    if (!trace::look_for_news(task, wanted.pid, own_only, true).expected)
        return offload_unchanged(task, call);
    trace::NewsListener listener(task);
    for (;;) {
        listener.came.store(false);
        const trace::Told told = trace::look_for_news(task, wanted.pid, own_only, only_look);
        if (told.tid != 0) {
            if (wanted.usage_to != 0)
                TRY_STATUS(clear_user(wanted.usage_to, rusage_bytes));
            return wanted.tell(call, told);
        }
        if (!told.expected)
            return offload_unchanged(task, call);
        if (told.executing != 0 && !is_there(task, told.executing)) {
            trace::forget_executing(told.executing);
            continue;
        }
        const i64 answer = TRY(ask_linux(task, call, wanted));
        const bool has_children = answer != -static_cast<i64>(Errno::child);
        if (has_children && (answer < 0 || wanted.has_found(call, answer)))
            return static_cast<u64>(answer);
        if ((wanted.options & no_hang) != 0)
            return 0;
        if (signal_pending(task)) {
            task.restart_nr = static_cast<i32>(call.nr);
            return fail(Errno::restart);
        }
        if (listener.came.load())
            continue; // it was unparked while it waited for Linux
        if (has_children || told.executing != 0)
            park_until(arch::read_tsc() + us_to_tsc(look_again_us));
        else
            park();
        if (task.owner->dying.load())
            return fail(Errno::intr);
    }
}

SyscallResult tell_status(const Call& call, const trace::Told& told)
{
    if (call.arg[1] != 0)
        TRY_STATUS(UserOut<u32>(call.arg[1]).write(told.status));
    return told.tid;
}

SyscallResult tell_info(const Call& call, const trace::Told& told)
{
    constexpr i32 cld_exited = 1, cld_killed = 2, cld_trapped = 4;
    constexpr u32 stopped = 0x7f;
    if (call.arg[2] == 0)
        return 0;
    const u32 low = told.status & 0xff;
    const i32 code = low == stopped ? cld_trapped : low == 0 ? cld_exited : cld_killed;
    SignalInfo info = sent_signal(sig_chld, code, told.tid, told.uid);
    info.value = code == cld_killed ? low : told.status >> 8;
    TRY_STATUS(clear_user(call.arg[2], siginfo_bytes));
    TRY_STATUS(UserOut<SignalInfo>(call.arg[2]).write(info));
    return 0;
}

bool is_a_child(const Call&, i64 answer)
{
    return answer > 0;
}

bool has_told_info(const Call& call, i64)
{
    return call.arg[2] != 0 && UserIn<SignalInfo>(call.arg[2]).read().value_or(SignalInfo{}).pid != 0;
}

} // namespace

SyscallResult sys_wait4(Task& task, const Call& call)
{
    const u64 options = call.arg[2] & 0xffffffff;
    const i32 pid = static_cast<i32>(call.arg[0]);
    if ((options & ~wait4_options) != 0)
        return offload_unchanged(task, call);
    return wait_for(task, call, {pid > 0 ? pid : -1, options, 2, call.arg[3], tell_status, is_a_child});
}

SyscallResult sys_waitid(Task& task, const Call& call)
{
    constexpr u64 by_pid = 1, by_descriptor = 3;
    const u64 options = call.arg[3] & 0xffffffff;
    const i32 id = static_cast<i32>(call.arg[1]);
    if ((options & ~waitid_options) != 0 || call.arg[0] >= by_descriptor)
        return offload_unchanged(task, call);
    return wait_for(task, call,
                    {call.arg[0] == by_pid ? id : -1, options, 3, call.arg[4], tell_info, has_told_info});
}

} // namespace still
