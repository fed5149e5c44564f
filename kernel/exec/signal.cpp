// SPDX-License-Identifier: BSD-2-Clause
#include <exec/process.hpp>
#include <exec/rseq.hpp>
#include <exec/signal_frame.hpp>
#include <exec/timers.hpp>
#include <mm/object_cache.hpp>
#include <offload/ikc.hpp>

namespace still {

namespace {

ObjectCache<QueuedSignal> nodes;

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

bool is_ignored(Process& p, u32 signo) REQUIRES(p.lock)
{
    const u64 handler = p.actions.of[signo - 1].handler;
    return signo != sig_kill && signo != sig_stop &&
           (handler == handler_ignore || (handler == handler_default && is_ignored_by_default(signo)));
}

// Blocked signals are kept whatever their disposition is: it may change until they are unblocked.
bool is_dropped(Process& p, const Task* task, u32 signo) REQUIRES(p.lock)
{
    for (const Task* t = p.tasks; task == nullptr && t != nullptr; t = t->next_task)
        if (t->next_task == nullptr)
            task = t; // the main thread stands for the process, as on Linux
    return (task == nullptr || (task->signals.mask & signal_bit(signo)) == 0) && is_ignored(p, signo);
}

void notice(Task& t)
{
    unpark(t);
    kick(t);
}

void give_back(Process& p, QueuedSignal* chain) REQUIRES(p.lock)
{
    while (chain != nullptr) {
        QueuedSignal* next = chain->next;
        if (chain->timer != nullptr) {
            timer_signal_gone(p, *chain->timer, nullptr);
        } else {
            nodes.destroy(chain);
            --p.queued_signals;
        }
        chain = next;
    }
}

void discard_locked(Process& p, u64 set) REQUIRES(p.lock)
{
    QueuedSignal* freed = nullptr;
    p.pending.discard(set, freed);
    for (Task* t = p.tasks; t != nullptr; t = t->next_task)
        t->signals.pending.discard(set, freed);
    give_back(p, freed);
}

// A stop takes back a continuation that has not been seen yet, and the reverse.
void cancel_opposites(Process& p, u32 signo) REQUIRES(p.lock)
{
    if ((signal_bit(signo) & stop_signals) != 0)
        discard_locked(p, signal_bit(sig_cont));
    else if (signo == sig_cont)
        discard_locked(p, stop_signals);
}

// The main thread first, as on Linux; it is the last of the list.
void wake_taker(Process& p, Task* task, u32 signo) REQUIRES(p.lock)
{
    if ((p.announced_signals & signal_bit(signo)) != 0)
        ikc::announce_signals(signal_bit(signo));
    Task* target = task;
    for (Task* t = p.tasks; task == nullptr && t != nullptr; t = t->next_task)
        if ((t->signals.mask & signal_bit(signo)) == 0)
            target = t;
    if (target != nullptr)
        notice(*target);
    else
        for (Task* t = p.tasks; t != nullptr; t = t->next_task)
            notice(*t); // sigtimedwait and the like
}

Status queue(Process& p, Task* task, const SignalInfo& info, QueuedSignal* node) REQUIRES(p.lock)
{
    cancel_opposites(p, info.signo);
    if (is_dropped(p, task, info.signo)) {
        if (node != nullptr)
            nodes.destroy(node);
        return {};
    }
    SignalQueue& q = task != nullptr ? task->signals.pending : p.pending;
    if (node != nullptr) {
        node->info = info;
        q.append(*node);
        ++p.queued_signals;
    } else {
        q.add(info);
    }
    wake_taker(p, task, info.signo);
    return {};
}

struct Taken {
    SignalInfo info; // signo 0: nothing
    SignalAction action;
    u64 mask = 0; // what the handler's return shall restore
};

bool take_from(Process& p, SignalQueue& q, u64 set, SignalInfo& info) REQUIRES(p.lock)
{
    u64 ready = q.set() & set;
    if (ready == 0)
        return false;
    // Faults first, as on Linux; then the lowest number.
    constexpr u64 synchronous = signal_bit(sig_segv) | signal_bit(sig_bus) | signal_bit(sig_ill) |
                                signal_bit(sig_trap) | signal_bit(sig_fpe) | signal_bit(sig_sys);
    if ((ready & synchronous) != 0)
        ready &= synchronous;
    QueuedSignal* node = q.take(static_cast<u32>(__builtin_ctzll(ready)) + 1, info);
    if (node != nullptr && node->timer != nullptr) {
        timer_signal_gone(p, *node->timer, &info);
    } else if (node != nullptr) {
        node->next = nullptr;
        give_back(p, node);
    }
    return true;
}

Taken take(Task& task)
{
    Process& p = *task.owner;
    Taken taken;
    LockGuard guard(p.lock);
    do {
        taken.info = {};
        if (!accept_locked(task, ~task.signals.mask | unblockable, taken.info))
            return taken;
    } while (is_ignored(p, taken.info.signo));
    const u32 signo = taken.info.signo;
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

// The registers for a core file, as a signal frame on the program's stack, from which the proxy takes them.
u64 put_core_frame(Task& task, const arch::TrapFrame& frame, const SignalInfo& info)
{
    arch::TrapFrame scratch = frame;
    const bool guest = task.owner->host != nullptr; // its memory is its host's, who goes on
    return !guest && push_signal_frame(task, scratch, {}, info, 0) ? scratch.rsp : 0;
}

void act_by_default(Task& task, const arch::TrapFrame& frame, const SignalInfo& info)
{
    const Default what = default_action(info.signo);
    if (what == Default::stop) {
        (void)offload(task, STILL_CALL_STOP, info.signo); // Linux stops the proxy, or not (orphaned group)
        return;
    }
    const bool core = what == Default::core;
    exit_process_by_signal(task, info.signo, core, core ? put_core_frame(task, frame, info) : 0);
}

} // namespace

bool is_ignored_by_default(u32 signo)
{
    return default_action(signo) == Default::ignore;
}

namespace {

Status send_locked(Process& p, Task* task, const SignalInfo& info, QueuedSignal* node) REQUIRES(p.lock)
{
    const bool full = p.queued_signals >= p.limit_sigpending.soft;
    if (info.signo >= first_real_time && (node == nullptr || full)) {
        if (node != nullptr)
            nodes.destroy(node);
        node = nullptr;
        // kill(2) never fails for want of room: the signal comes, its details may be lost.
        if (info.code != si_user)
            return fail(Errno::again);
    }
    return queue(p, task, info, node);
}

QueuedSignal* node_for(const SignalInfo& info)
{
    return info.signo >= first_real_time ? nodes.make() : nullptr;
}

} // namespace

Status send_signal(Process& p, u32 tid, const SignalInfo& info)
{
    QueuedSignal* node = node_for(info);
    LockGuard guard(p.lock);
    Task* task = tid != 0 ? find_task(p, tid) : nullptr;
    if (task == nullptr && tid != 0) {
        if (node != nullptr)
            nodes.destroy(node);
        return fail(Errno::srch);
    }
    return send_locked(p, task, info, node);
}

void post_signal(Process& p, Task* task, const SignalInfo& info)
{
    LockGuard guard(p.lock);
    (void)queue(p, task, info, nullptr);
}

void post_locked(Process& p, const SignalInfo& info)
{
    (void)queue(p, nullptr, info, nullptr);
}

bool send_timer_signal(Process& p, u32 tid, QueuedSignal& node)
{
    Task* task = tid != 0 ? find_task(p, tid) : nullptr;
    if ((tid != 0 && task == nullptr) || is_dropped(p, task, node.info.signo))
        return false;
    (task != nullptr ? task->signals.pending : p.pending).append(node);
    wake_taker(p, task, node.info.signo);
    return true;
}

void forget_timer_signal(Process& p, QueuedSignal& node)
{
    if (!node.queued)
        return;
    p.pending.remove(node);
    for (Task* t = p.tasks; t != nullptr && node.queued; t = t->next_task)
        t->signals.pending.remove(node);
}

bool force_signal(Task& task, const SignalInfo& info)
{
    Process& p = *task.owner;
    LockGuard guard(p.lock);
    SignalAction& a = p.actions.of[info.signo - 1];
    const u64 bit = signal_bit(info.signo);
    if (a.handler == handler_ignore || (task.signals.mask & bit) != 0) {
        a.handler = handler_default;
        task.signals.mask &= ~bit;
    }
    QueuedSignal* freed = nullptr;
    task.signals.pending.discard(bit, freed);
    give_back(p, freed);
    task.signals.pending.add(info);
    return a.handler == handler_default;
}

bool signal_pending(Task& task) NO_THREAD_SAFETY // a hint
{
    const u64 set = task.signals.pending.set() | task.owner->pending.set();
    return (set & (~task.signals.mask | unblockable)) != 0;
}

bool accept_locked(Task& task, u64 set, SignalInfo& info) NO_THREAD_SAFETY
{
    Process& p = *task.owner;
    return take_from(p, task.signals.pending, set, info) || take_from(p, p.pending, set, info);
}

bool accept_signal(Task& task, u64 set, SignalInfo& info)
{
    LockGuard guard(task.owner->lock);
    return accept_locked(task, set, info);
}

void discard_signals(Process& p, u64 set)
{
    LockGuard guard(p.lock);
    discard_locked(p, set);
}

void set_signal_mask(Task& task, u64 mask)
{
    Process& p = *task.owner;
    {
        LockGuard guard(p.lock);
        const u64 left = p.pending.set() & mask & ~task.signals.mask;
        task.signals.mask = mask & ~unblockable;
        // This task may have been the one that was woken for them.
        for (Task* t = left != 0 ? p.tasks : nullptr; t != nullptr; t = t->next_task)
            if (t != &task && (left & ~t->signals.mask) != 0)
                notice(*t);
    }
    choose_offload_way(task);
}

void set_temporary_mask(Task& task, u64 mask)
{
    if (!task.restore_mask)
        task.saved_mask = task.signals.mask;
    task.restore_mask = task.attention = true;
    set_signal_mask(task, mask);
}

void restore_mask_now(Task& task)
{
    if (!task.restore_mask)
        return;
    task.restore_mask = false;
    set_signal_mask(task, task.saved_mask);
}

void deliver_signals(Task& task, arch::TrapFrame& frame, i32 nr)
{
    constexpr auto code = [](Errno e) { return static_cast<u64>(-static_cast<i64>(e)); };
    constexpr u64 syscall_bytes = 2, nr_restart_syscall = 219;
    bool undecided = nr >= 0 && frame.rax == code(Errno::restart);
    while (signal_pending(task)) {
        const Taken taken = take(task);
        if (taken.info.signo == 0)
            break;
        if (taken.action.handler == handler_default) {
            act_by_default(task, frame, taken.info);
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
        if (push_signal_frame(task, frame, taken.action, taken.info, taken.mask))
            continue;
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
}

void free_signals(Process& p, Task* task)
{
    LockGuard guard(p.lock);
    QueuedSignal* freed = nullptr;
    (task != nullptr ? task->signals.pending : p.pending).discard(~0ull, freed);
    give_back(p, freed);
}

} // namespace still
