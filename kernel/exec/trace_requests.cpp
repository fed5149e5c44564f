// SPDX-License-Identifier: BSD-2-Clause
// What a tracer asks of its tracees.
#include <exec/trace_parts.hpp>

namespace still::trace {

Tracee* find(u32 tid, u32 pid_namespace)
{
    for (Tracee* t = tracees; t != nullptr; t = t->next)
        if (t->tid == tid && t->pid_namespace == pid_namespace && t->task != nullptr && t->tracer != nullptr)
            return t;
    return nullptr;
}

void ask_to_look(Task& task)
{
    task.trap.store(true);
    unpark(task);
    kick(task);
}

void kill_owner(Task& task)
{
    post_signal(*task.owner, nullptr, sent_signal(sig_kill, si_kernel));
}

void release(Tracee& t)
{
    if (t.task == nullptr || !t.stops) {
        unlink(t);
        return;
    }
    t.tracer = nullptr; // it unlinks itself
    t.listens.store(false);
    t.stopped.store(false);
    unpark(*t.task);
}

HeldTracee::HeldTracee(const Task& tracer, u32 tid)
{
    LockGuard guard(lock);
    for (Tracee* t = tracees; t != nullptr; t = t->next)
        if (t->tid == tid && t->tracer == &tracer && t->task != nullptr && t->stopped.load())
            tracee_ = t;
    if (tracee_ == nullptr)
        return;
    ++tracee_->holders;
    task_ = tracee_->task;
    task_->held.fetch_add(1); // it waits for that when it ends, and it has not begun to
}

HeldTracee::~HeldTracee()
{
    if (task_ == nullptr)
        return;
    LockGuard guard(lock);
    task_->held.fetch_sub(1);
    if (--tracee_->holders == 0 && tracee_->unlinked)
        destroy(*tracee_);
}

Status interrupt(const Task& tracer, u32 tid)
{
    LockGuard guard(lock);
    Tracee* t = find(tid, tracer.owner->page->pid_namespace);
    if (t == nullptr || t->tracer != &tracer)
        return fail(Errno::srch);
    if (!t->seized)
        return fail(Errno::io);
    t->asked.store(true);
    ask_to_look(*t->task);
    return {};
}

Status kill(const Task& tracer, u32 tid)
{
    LockGuard guard(lock);
    Tracee* t = find(tid, tracer.owner->page->pid_namespace);
    if (t == nullptr || t->tracer != &tracer)
        return fail(Errno::srch);
    kill_owner(*t->task);
    return {};
}

Status go_on(Tracee& t, u32 signo, Way way)
{
    LockGuard guard(lock);
    if (t.tracer == nullptr || !t.stopped.load())
        return fail(Errno::srch);
    t.signo = signo;
    t.sender = t.tracer->owner->pid;
    t.way = way;
    t.untold = false;
    t.stopped.store(false);
    unpark(*t.task);
    return {};
}

Status detach(Tracee& t, u32 signo)
{
    LockGuard guard(lock);
    if (t.tracer == nullptr || !t.stopped.load())
        return fail(Errno::srch);
    t.signo = signo;
    t.sender = t.tracer->owner->pid;
    release(t);
    return {};
}

Status listen(Tracee& t)
{
    LockGuard guard(lock);
    if (t.tracer == nullptr || !t.stopped.load())
        return fail(Errno::srch);
    if (!t.seized || t.info.code >> 8 != event_stop)
        return fail(Errno::io);
    t.untold = false;
    t.listens.store(true);
    t.stopped.store(false);
    unpark(*t.task); // its process may go on already
    return {};
}

} // namespace still::trace
