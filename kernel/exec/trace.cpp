// SPDX-License-Identifier: BSD-2-Clause
#include <arch/context.hpp>
#include <exec/timers.hpp>
#include <exec/trace.hpp>
#include <exec/trace_registers.hpp>
#include <mm/object_cache.hpp>

namespace still::trace {

namespace {

SpinLock lock; // before a process's
Tracee* tracees GUARDED_BY(lock) = nullptr;
NewsListener* listeners GUARDED_BY(lock) = nullptr;
ObjectCache<Tracee> cache;

void destroy(Tracee& t)
{
    frames::release_memory(t.fpu, fpu_order());
    cache.destroy(&t);
}

void unlink(Tracee& t) REQUIRES(lock)
{
    for (Tracee** at = &tracees; *at != nullptr; at = &(*at)->next) {
        if (*at == &t) {
            *at = t.next;
            break;
        }
    }
    if (t.task != nullptr)
        t.task->tracee = nullptr;
    destroy(t);
}

constexpr i32 cld_exited = 1, cld_killed = 2, cld_trapped = 4;

// SIGCHLD for the tracer's process, and whoever waits there looks anew.
void tell(const Tracee& t, i32 code, u32 what) REQUIRES(lock)
{
    Process& p = *t.tracer->owner;
    if (code == cld_trapped || !t.is_child) {
        LockGuard guard(p.lock);
        const SignalAction& action = p.actions.of[sig_chld - 1];
        SignalInfo info = sent_signal(sig_chld, code, t.tid, t.uid);
        info.value = what;
        if (action.handler != handler_ignore && (action.flags & sa_nocldstop) == 0)
            post_locked(p, info);
    }
    for (NewsListener* l = listeners; l != nullptr; l = l->next) {
        if (l->task.owner == &p) {
            l->came.store(true);
            unpark(l->task);
        }
    }
}

// It is not stopped any more, and its tracer is not its tracer.
void release(Tracee& t) REQUIRES(lock)
{
    if (t.task == nullptr || !t.stopped.load()) {
        unlink(t);
        return;
    }
    t.tracer = nullptr; // it unlinks itself
    t.stopped.store(false);
    unpark(*t.task);
}

void kill(Process& p)
{
    post_signal(p, nullptr, sent_signal(sig_kill, si_kernel));
}

// A tracee has ended, by a call or by a signal; or it executes another program, which nobody traces.
void end(Tracee& t, Task& task) REQUIRES(lock)
{
    constexpr u64 nr_exit = 60, nr_exit_group = 231, nr_execve = 59, nr_execveat = 322;
    const arch::TrapFrame& f = user_frame(task);
    const bool by_itself = f.vector == nr_exit || f.vector == nr_exit_group;
    const bool by_exec = (f.vector == nr_execve || f.vector == nr_execveat) && task.owner->killed.load();
    const u32 what = by_itself ? static_cast<u32>(f.rdi & 0xff) : t.signo != 0 ? t.signo : u32{sig_kill};
    t.status = by_itself ? what << 8 : what;
    t.untold = true;
    t.stopped.store(false);
    if (t.tracer != nullptr)
        tell(t, by_itself ? cld_exited : cld_killed, what);
    if (t.tracer == nullptr || t.is_child || by_exec) {
        unlink(t);
    } else {
        t.task = nullptr;
        task.tracee = nullptr;
    }
}

void (*reap_untraced)(Thread*) = nullptr; // the same for all tasks

// The end of a task that traces or is traced, in place of its own on_reap.
void reap(Thread* thread)
{
    Task& task = static_cast<Task&>(*thread);
    {
        LockGuard guard(lock);
        for (Tracee *t = tracees, *next = nullptr; t != nullptr; t = next) {
            next = t->next;
            if (t->tracer != &task)
                continue;
            if ((t->options & option_exitkill) != 0 && t->task != nullptr)
                kill(*t->task->owner);
            // What it was told of is its own. Not info's number, which it may have written.
            t->signo = t->untold ? t->status >> 8 : 0;
            release(*t);
        }
        if (task.tracee != nullptr)
            end(*task.tracee, task);
    }
    reap_untraced(thread);
}

void watch_end(Task& task) REQUIRES(lock)
{
    if (task.on_reap == reap)
        return;
    reap_untraced = task.on_reap;
    task.on_reap = reap;
}

bool is_to_be_killed(Task& task) NO_THREAD_SAFETY // a hint, as signal_pending() is
{
    const u64 set = task.signals.pending.set() | task.owner->pending.set();
    return task.owner->dying.load() || (set & signal_bit(sig_kill)) != 0;
}

} // namespace

HeldTracee::HeldTracee(const Task& tracer, u32 tid)
{
    LockGuard guard(lock);
    for (Tracee* t = tracees; t != nullptr; t = t->next)
        if (t->tid == tid && t->tracer == &tracer && t->task != nullptr && t->stopped.load())
            tracee_ = t;
    if (tracee_ == nullptr)
        return;
    task_ = tracee_->task;
    task_->held.fetch_add(1); // it waits for that when it ends, and it has not begun to
}

HeldTracee::~HeldTracee()
{
    if (task_ != nullptr)
        task_->held.fetch_sub(1);
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

Status attach(Task& tracer, Task& target, bool is_child)
{
    Tracee* t = cache.make();
    if (t == nullptr)
        return fail(Errno::nomem);
    t->fpu = frames::allocate_memory(NodeId(0), fpu_order());
    if (t->fpu == nullptr) {
        cache.destroy(t);
        return fail(Errno::nomem);
    }
    {
        LockGuard guard(lock);
        if (target.tracee != nullptr || target.ending || target.unborn) {
            destroy(*t);
            return fail(Errno::perm);
        }
        t->task = &target;
        t->tracer = &tracer;
        t->tid = target.tid;
        t->uid = target.uid;
        t->is_child = is_child;
        t->next = tracees;
        tracees = t;
        target.tracee = t;
        watch_end(target);
        watch_end(tracer);
    }
    post_signal(*target.owner, &target, sent_signal(sig_stop, si_kernel));
    return {};
}

Status go_on(Tracee& t, u32 signo, Tie tie)
{
    LockGuard guard(lock);
    if (t.task == nullptr || !t.stopped.load())
        return fail(Errno::srch);
    t.signo = signo;
    t.sender = t.tracer->owner->pid;
    t.untold = false;
    if (tie == Tie::ends) {
        release(t);
        return {};
    }
    t.stopped.store(false);
    unpark(*t.task);
    return {};
}

bool stop_for_signal(Task& task, arch::TrapFrame& frame, i32& nr, SignalInfo& info)
{
    constexpr u32 stopped = 0x7f, nr_getpid = 39;
    // Where Linux has killed the process its shared memory goes first, and the LWK hears of it later.
    if (info.code > 0 && !offload_quickly(task, nr_getpid))
        return false;
    Tracee* t = nullptr;
    {
        LockGuard guard(lock);
        t = task.tracee;
        if (t == nullptr || is_to_be_killed(task))
            return false;
        show_registers(*t, task, frame, nr);
        t->info = info;
        t->signo = 0;
        t->status = info.signo << 8 | stopped;
        t->untold = true;
        t->stopped.store(true);
        tell(*t, cld_trapped, info.signo);
    }
    while (t->stopped.load() && !is_to_be_killed(task))
        park();
    LockGuard guard(lock);
    const bool changed = take_registers(*t, task, frame, nr);
    t->stopped.store(false);
    t->untold = false;
    if (t->signo == 0 || t->signo == t->info.signo)
        info = t->info;
    else
        info = sent_signal(t->signo, si_user, t->sender, t->uid);
    info.signo = t->signo;
    if (t->tracer == nullptr)
        unlink(*t);
    return changed;
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
        if (!t->untold)
            continue;
        told = {t->tid, t->status, t->uid, true};
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
