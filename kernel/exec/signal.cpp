// SPDX-License-Identifier: BSD-2-Clause
#include <exec/process.hpp>
#include <exec/timers.hpp>
#include <mm/object_cache.hpp>
#include <offload/ikc.hpp>

namespace still {

namespace {

ObjectCache<QueuedSignal> nodes;

// Blocked signals are kept whatever their disposition is: it may change until they are unblocked.
bool is_dropped(Process& p, const Task* task, u32 signo) REQUIRES(p.lock)
{
    for (const Task* t = p.tasks; task == nullptr && t != nullptr; t = t->next_task)
        if (t->next_task == nullptr)
            task = t; // the main thread stands for the process, as on Linux
    if (task != nullptr && task->tracee != nullptr)
        return false; // its tracer wants to see it
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

// Traced tasks tell their tracers, also if Linux has yet to say that the stop is over. Other stops it ends itself.
void go_on(Process& p) REQUIRES(p.lock)
{
    p.continues.fetch_add(1);
    bool ends_stop = p.stop_signo.exchange(0) != 0;
    for (Task* t = p.tasks; t != nullptr; t = t->next_task)
        ends_stop |= t->tracee != nullptr;
    if (!ends_stop)
        return;
    p.stopped.store(false);
    for (Task* t = p.tasks; t != nullptr; t = t->next_task) {
        if (t->tracee != nullptr)
            t->trap.store(true);
        notice(*t);
    }
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
    if (info.signo == sig_cont)
        go_on(p);
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
    return (set & (~task.signals.mask | unblockable)) != 0 || task.trap.load(std::memory_order_relaxed);
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

void free_signals(Process& p, Task* task)
{
    LockGuard guard(p.lock);
    QueuedSignal* freed = nullptr;
    (task != nullptr ? task->signals.pending : p.pending).discard(~0ull, freed);
    give_back(p, freed);
}

} // namespace still
