// SPDX-License-Identifier: BSD-2-Clause
// What becomes of a signal that a task takes on its way back to the program.
#include <arch/context.hpp>
#include <exec/rseq.hpp>
#include <exec/signal_frame.hpp>
#include <exec/trace.hpp>
#include <exec/way_back.hpp>

namespace still {

namespace {

enum class Default : u8 { terminate, core, ignore, stop };

Default default_action(u32 signo)
{
    switch (signo) {
    case sig_chld:
    case sig_cont:
    case sig_urg:
    case sig_winch:
        return Default::ignore;
    case sig_stop:
    case sig_tstp:
    case sig_ttin:
    case sig_ttou:
        return Default::stop;
    case sig_quit:
    case sig_ill:
    case sig_trap:
    case sig_abrt:
    case sig_bus:
    case sig_fpe:
    case sig_segv:
    case sig_xcpu:
    case sig_xfsz:
    case sig_sys:
        return Default::core;
    default:
        return Default::terminate;
    }
}

} // namespace

bool is_ignored_by_default(u32 signo)
{
    return default_action(signo) == Default::ignore;
}

bool is_ignored(Process& p, u32 signo) NO_THREAD_SAFETY
{
    const u64 handler = p.actions.of[signo - 1].handler;
    return signo != sig_kill && signo != sig_stop &&
           (handler == handler_ignore || (handler == handler_default && is_ignored_by_default(signo)));
}

namespace {

struct Taken {
    SignalInfo info; // signo 0: nothing
    SignalAction action;
    u64 mask = 0;      // what the handler's return shall restore
    u32 continues = 0; // SIGCONTs of its process, when it was taken
};

// What becomes of a signal that was taken off its queue. signo 0: nothing.
Taken act_on(Process& p, Task& task, const SignalInfo& info, u32 continues = 0) REQUIRES(p.lock)
{
    Taken taken{info, {}, 0, continues};
    const u32 signo = info.signo;
    taken.action = p.actions.of[signo - 1];
    taken.mask = task.restore_mask ? task.saved_mask : task.signals.mask;
    if (taken.action.handler > handler_ignore) {
        if ((taken.action.flags & sa_resethand) != 0)
            p.actions.of[signo - 1].handler = handler_default;
        const u64 own = (taken.action.flags & sa_nodefer) != 0 ? 0 : signal_bit(signo);
        task.signals.mask = (task.signals.mask | taken.action.mask | own) & ~unblockable;
        task.restore_mask = false;
    }
    return taken;
}

Taken take(Task& task)
{
    Process& p = *task.owner;
    SignalInfo info;
    LockGuard guard(p.lock);
    do {
        info = {};
        if (!accept_locked(task, ~task.signals.mask | unblockable, info))
            return {};
    } while (is_ignored(p, info.signo));
    return act_on(p, task, info);
}

// Likewise of a traced task, whose tracer sees each first. rewritten: and has changed registers.
Taken take_traced(Task& task, arch::TrapFrame& frame, i32& nr, bool& rewritten)
{
    Process& p = *task.owner;
    SignalInfo info;
    u32 continues;
    for (;;) {
        rewritten |= trace::stop_if_told(task, frame, nr);
        {
            LockGuard guard(p.lock);
            info = {};
            continues = p.continues.load();
            if (!accept_locked(task, ~task.signals.mask | unblockable, info))
                return {};
        }
        if (info.signo != sig_kill)
            rewritten |= trace::stop_for_signal(task, frame, nr, info);
        LockGuard guard(p.lock);
        if (info.signo == 0 || is_ignored(p, info.signo))
            continue;
        if ((signal_bit(info.signo) & task.signals.mask & ~unblockable) == 0)
            return act_on(p, task, info, continues);
        task.signals.pending.add(info); // another one, which it does not take now
    }
}

// The registers for a core file, as a signal frame on the program's stack, from which the proxy takes them.
u64 put_core_frame(Task& task, const arch::TrapFrame& frame, const SignalInfo& info)
{
    arch::TrapFrame scratch = frame;
    const bool guest = task.owner->host != nullptr; // its memory is its host's, who goes on
    return !guest && push_signal_frame(task, scratch, {}, info, 0) ? scratch.rsp : 0;
}

// Linux stops the proxy, or not (orphaned group), and answers later. Meanwhile somebody may begin to trace the task.
bool stop_by_linux(Task& task, arch::TrapFrame& frame, i32& nr, u32 signo)
{
    const WaitConditions until{[](void* t) {
                                   const Task& waiter = *static_cast<Task*>(t);
                                   return waiter.owner->dying.load() || waiter.trap.load();
                               },
                               [](void*) { return false; }, &task};
    bool rewritten = false;
    task.slot.post(STILL_CALL_STOP, signo, 0, 0, 0, 0, 0);
    while (!task.slot.answer(until) && !task.owner->dying.load())
        rewritten |= trace::stop_if_told(task, frame, nr);
    return rewritten;
}

// True: a tracer has changed registers.
bool act_by_default(Task& task, arch::TrapFrame& frame, i32& nr, const Taken& taken)
{
    const SignalInfo& info = taken.info;
    const Default what = default_action(info.signo);
    if (what == Default::stop && task.tracee != nullptr) { // its proxy has to go on
        trace::stop_process(*task.owner, info.signo, taken.continues);
        return false;
    }
    if (what == Default::stop)
        return stop_by_linux(task, frame, nr, info.signo);
    const bool core = what == Default::core;
    if (task.tracee != nullptr)
        trace::stop_before_end(task, frame, info.signo);
    exit_process_by_signal(task, info.signo, core, core ? put_core_frame(task, frame, info) : 0);
}

} // namespace

void deliver_signals(Task& task, arch::TrapFrame& frame, i32 nr)
{
    constexpr auto code = [](Errno e) { return static_cast<u64>(-static_cast<i64>(e)); };
    constexpr u64 syscall_bytes = 2, nr_restart_syscall = 219;
    bool undecided = nr >= 0 && frame.rax == code(Errno::restart);
    const bool in_call = nr >= 0;
    bool rewritten = false;
    while (signal_pending(task)) {
        const bool is_traced = task.tracee != nullptr || task.trap.load();
        const Taken taken = !is_traced ? take(task) : take_traced(task, frame, nr, rewritten);
        undecided = undecided && (!rewritten || (nr >= 0 && frame.rax == code(Errno::restart)));
        if (taken.info.signo == 0)
            break;
        if (taken.action.handler == handler_default) {
            rewritten |= act_by_default(task, frame, nr, taken);
            continue;
        }
        if (undecided) {
            const bool wanted = (taken.action.flags & sa_restart) != 0 || task.restart_always;
            const bool again = wanted && task.restart_nr >= 0;
            frame.rax = again ? static_cast<u64>(task.restart_nr) : code(Errno::intr);
            frame.rip -= again ? syscall_bytes : 0;
            task.resume.again = nullptr;
            undecided = false;
        }
        rseq::on_signal(task, frame);
        trace::disarm(task, frame);
        if (push_signal_frame(task, frame, taken.action, taken.info, taken.mask)) {
            if (task.tracee != nullptr)
                rewritten |= trace::stop_in_handler(task, frame);
            continue;
        }
        if (taken.info.signo == sig_segv)
            exit_process_by_signal(task, sig_segv, true);
        (void)force_signal(task, sent_signal(sig_segv, si_kernel));
    }
    if (undecided) {
        frame.rax = task.resume.again != nullptr ? nr_restart_syscall : static_cast<u64>(nr);
        frame.rip -= syscall_bytes;
    }
    task.restart_nr = -1;
    task.restart_always = false;
    restore_mask_now(task);
    choose_offload_way(task);
    if (rewritten && in_call) { // a system call's way out would leave some as they are
        attend(task, frame, -1);
        arch::still_enter_user(&frame);
    }
}

} // namespace still
