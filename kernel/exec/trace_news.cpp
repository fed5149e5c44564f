// SPDX-License-Identifier: BSD-2-Clause
// What tracers are told of their tracees.
#include <exec/timers.hpp>
#include <exec/trace_parts.hpp>

namespace still::trace {

namespace {

NewsListener* listeners GUARDED_BY(lock) = nullptr;

} // namespace

void tell(const Tracee& t, i32 code, u32 what)
{
    Process& p = *t.tracer->owner;
    const bool is_stop = code == cld_trapped || code == cld_stopped;
    if (is_stop || !t.is_child()) {
        LockGuard guard(p.lock);
        const SignalAction& action = p.actions.of[sig_chld - 1];
        SignalInfo info = sent_signal(sig_chld, code, t.tid, t.uid);
        info.value = what;
        if (action.handler != handler_ignore && !(is_stop && (action.flags & sa_nocldstop) != 0))
            post_locked(p, info);
    }
    for (NewsListener* l = listeners; l != nullptr; l = l->next) {
        if (l->task.owner == &p) {
            l->came.store(true);
            unpark(l->task);
        }
    }
}

NewsListener::NewsListener(Task& its_task) : task(its_task)
{
    LockGuard guard(lock);
    next = listeners;
    listeners = this;
}

NewsListener::~NewsListener()
{
    LockGuard guard(lock);
    for (NewsListener** at = &listeners; *at != nullptr; at = &(*at)->next) {
        if (*at == this) {
            *at = next;
            break;
        }
    }
}

void forget_executing(u32 pid)
{
    LockGuard guard(lock);
    for (Tracee *t = tracees, *next = nullptr; t != nullptr; t = next) {
        next = t->next;
        if (t->pid != pid || !t->executes || t->task != nullptr)
            continue;
        t->executes = false;
        t->status = sig_kill;
        t->untold = true;
        if (t->is_child() || t->tracer == nullptr)
            unlink(*t);
        else
            tell(*t, cld_killed, sig_kill);
    }
}

Told look_for_news(const Task& waiter, i32 pid, bool own_only, bool only_look)
{
    Told told;
    LockGuard guard(lock);
    for (Tracee* t = tracees; t != nullptr; t = t->next) {
        if (t->tracer == nullptr || t->tracer->owner != waiter.owner || (own_only && t->tracer != &waiter) ||
            (pid != -1 && t->tid != static_cast<u32>(pid)))
            continue;
        told.expected = true;
        if (t->executes && t->task == nullptr)
            told.executing = t->pid;
        if (!t->untold)
            continue;
        told.tid = t->tid;
        told.status = t->status;
        told.uid = t->uid;
        if (only_look)
            return told;
        t->untold = false;
        if (t->task == nullptr)
            unlink(*t);
        return told;
    }
    return told;
}

} // namespace still::trace
