// SPDX-License-Identifier: BSD-2-Clause
#include <arch/context.hpp>
#include <exec/trace_parts.hpp>
#include <exec/trace_registers.hpp>
#include <mm/object_cache.hpp>

namespace still::trace {

SpinLock lock;
Tracee* tracees GUARDED_BY(lock) = nullptr;

namespace {

ObjectCache<Tracee> cache;

Tracee* make()
{
    Tracee* t = cache.make();
    if (t == nullptr)
        return nullptr;
    t->fpu = frames::allocate_memory(NodeId(0), fpu_order());
    if (t->fpu != nullptr)
        return t;
    cache.destroy(t);
    return nullptr;
}

} // namespace

void destroy(Tracee& t)
{
    frames::release_memory(t.fpu, fpu_order());
    cache.destroy(&t);
}

void unlink(Tracee& t)
{
    for (Tracee** at = &tracees; *at != nullptr; at = &(*at)->next) {
        if (*at == &t) {
            *at = t.next;
            break;
        }
    }
    if (t.task != nullptr)
        t.task->tracee = nullptr;
    t.unlinked = true;
    if (t.holders == 0)
        destroy(t);
}

namespace {

[[nodiscard]] bool is_in_execve(const Task& task)
{
    const u64 nr = user_frame(task).vector;
    return task.owner->executes.load() && (nr == nr_execve || nr == nr_execveat);
}

// How it has ended.
u32 end_status_of(const Tracee& t, const Task& task)
{
    const Process& p = *task.owner;
    const arch::TrapFrame& f = user_frame(task);
    if (f.vector == nr_exit && !p.dying.load())
        return static_cast<u32>(f.rdi & 0xff) << 8;
    if (const u32 status = p.end_status.load(); status != Process::no_status)
        return status;
    return t.superseded || p.executes.load() ? 0 : u32{sig_kill};
}

// A tracee has ended, by a call or by a signal; or it executes another program, which adopt() will find.
void end(Tracee& t, Task& task) REQUIRES(lock)
{
    const bool is_executed = task.owner->killed.load() && task.owner->end_status.load() == Process::no_status;
    t.stops = t.untold = false;
    t.stopped.store(false);
    t.listens.store(false);
    t.uid = task.uid;
    task.tracee = nullptr;
    t.task = nullptr;
    if (t.tracer != nullptr && is_executed && is_in_execve(task)) {
        t.executes = true;
        return;
    }
    // That of a fork which failed has no number yet; another task of the first one's process has taken its number.
    const bool is_nobody = t.tid == ~0u || (is_executed && task.owner->executes.load() && t.tid == t.pid);
    t.status = end_status_of(t, task);
    t.untold = true;
    if (t.tracer != nullptr && !is_nobody) {
        const u32 signo = t.status & 0x7f;
        tell(t, signo == 0 ? cld_exited : cld_killed, signo == 0 ? t.status >> 8 : signo);
    }
    if (t.tracer == nullptr || t.is_child() || is_nobody)
        unlink(t);
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
                kill_owner(*t->task);
            // What it was told of is its own. Not info's number, which it may have written.
            t->signo = t->untold && t->by_signal ? t->status >> 8 : 0;
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

void link(Tracee& t, Task& tracer, Task& task) REQUIRES(lock)
{
    const Process& p = *task.owner;
    t.task = &task;
    t.tracer = &tracer;
    t.tid = task.tid;
    t.pid = p.pid;
    t.pid_namespace = p.page->pid_namespace;
    t.uid = task.uid;
    t.saw_continues = p.continues.load();
    t.next = tracees;
    tracees = &t;
    task.tracee = &t;
    watch_end(task);
    watch_end(tracer);
}

// Its tasks that wait for children in Linux begin anew: what they wait for may be the LWK's to tell now.
void wake_waiters(Process& p)
{
    constexpr u64 nr_wait4 = 61, nr_waitid = 247;
    LockGuard guard(p.lock);
    for (Task* t = p.tasks; t != nullptr; t = t->next_task)
        if (const u64 nr = user_frame(*t).vector; nr == nr_wait4 || nr == nr_waitid)
            ask_to_look(*t);
}

} // namespace

void begin_end(Task& task)
{
    LockGuard guard(lock);
    if (task.tracee == nullptr)
        return;
    task.tracee->stopped.store(false);
    task.tracee->listens.store(false);
}

Status attach(Task& tracer, Task& target, const Attachment& how)
{
    Tracee* t = make();
    if (t == nullptr)
        return fail(Errno::nomem);
    {
        LockGuard guard(lock);
        if (target.tracee != nullptr || target.ending || target.unborn) {
            destroy(*t);
            return fail(Errno::perm);
        }
        t->of_child = how.of_child;
        t->owes_stop = how.stops;
        t->seized = how.seized;
        t->options = how.options;
        link(*t, tracer, target);
        wake_waiters(*tracer.owner);
        if (target.owner->stopped.load())
            ask_to_look(target);
    }
    if (how.stops)
        post_signal(*target.owner, &target, sent_signal(sig_stop, si_kernel));
    return {};
}

Status follow(u32 parent_tid, Task& child, const CloneRequest& request)
{
    const u32 space = child.owner->page->pid_namespace;
    {
        LockGuard guard(lock);
        const Tracee* parent = find(parent_tid, space);
        if (parent == nullptr || !(wants(*parent, request.event) || request.is_traced))
            return {};
    }
    Tracee* t = make();
    if (t == nullptr)
        return fail(Errno::nomem);
    LockGuard guard(lock);
    const Tracee* parent = find(parent_tid, space);
    if (parent == nullptr) {
        destroy(*t);
        return {};
    }
    t->maker = parent_tid;
    t->options = parent->options;
    t->seized = parent->seized;
    link(*t, *parent->tracer, child);
    const bool is_thread = child.owner == parent->task->owner;
    t->of_child = parent->of_child && (is_thread || request.is_sibling);
    if (t->seized) {
        t->asked.store(true);
        child.trap.store(true);
    } else {
        child.signals.pending.add(sent_signal(sig_stop, si_user));
    }
    return {};
}

void name_child_of(const Task& maker, u32 tid, u32 pid)
{
    LockGuard guard(lock);
    for (Tracee* t = tracees; t != nullptr; t = t->next) {
        if (t->maker == maker.tid && t->pid_namespace == maker.owner->page->pid_namespace &&
            t->task != nullptr && t->task->unborn) {
            t->tid = tid;
            t->pid = pid;
        }
    }
}

void name(Task& child)
{
    LockGuard guard(lock);
    if (Tracee* t = child.tracee; t != nullptr) {
        t->tid = child.tid;
        t->pid = child.owner->pid;
        t->uid = child.uid;
    }
}

void adopt(Task& first)
{
    const Process& p = *first.owner;
    const u32 space = p.page->pid_namespace;
    LockGuard guard(lock);
    Tracee* chosen = nullptr;
    for (Tracee* t = tracees; t != nullptr; t = t->next) {
        // One that was killed there instead may wait for its tracer still, and its number be another user's by now.
        const u32 uid = t->task != nullptr ? t->task->uid : t->uid;
        if (t->pid == p.pid && t->pid_namespace == space && t->tracer != nullptr && uid == first.uid &&
            (t->task == nullptr ? t->executes : !t->stops && is_in_execve(*t->task)))
            chosen = t;
    }
    for (Tracee *t = tracees, *next = nullptr; t != nullptr; t = next) {
        next = t->next;
        if (t == chosen || t->pid != p.pid || t->pid_namespace != space)
            continue;
        if (t->task == nullptr && !t->executes)
            continue;
        t->superseded = true;
        if (t->tid == p.pid || t->executes) // its number is the new one's
            release(*t);
    }
    if (chosen == nullptr)
        return;
    if (chosen->task != nullptr)
        chosen->task->tracee = nullptr;
    chosen->task = &first;
    chosen->message = chosen->tid;
    chosen->tid = first.tid;
    chosen->executes = true;
    chosen->saw_stop = false;
    chosen->saw_continues = p.continues.load();
    first.tracee = chosen;
    first.trap.store(true); // it may have been asked to stop
    if (chosen->owes_stop)
        first.signals.pending.add(sent_signal(sig_stop, si_kernel));
    first.start.vector = nr_execve;
    watch_end(first);
}

} // namespace still::trace
