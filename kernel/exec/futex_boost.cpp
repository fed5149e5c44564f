// SPDX-License-Identifier: BSD-2-Clause
// Who waits for whose PI words. An owner runs at least as urgently as each of its waiters, and so does whom it waits
// for in turn.
#include <exec/futex_queue.hpp>

namespace still::futex {

SpinLock pi_lock;

namespace {

u32 most_urgent_waiter(const Task& owner) REQUIRES(pi_lock)
{
    u32 most = 0;
    for (const Waiter* w = owner.pi_first; w != nullptr; w = w->next_of_owner)
        most = max(most, w->task->urgency());
    return most;
}

// Along the chain, as far as anything changes. There is no circle: begin_wait().
void pass_on(Task* owner) REQUIRES(pi_lock)
{
    for (; owner != nullptr; owner = owner->pi_waits_for) {
        const u32 most = most_urgent_waiter(*owner);
        if (most == owner->boost)
            return;
        set_boost(*owner, most);
    }
}

void link(Waiter& w, Task& owner) REQUIRES(pi_lock)
{
    w.owner = &owner;
    w.task->pi_waits_for = &owner;
    w.next_of_owner = owner.pi_first;
    owner.pi_first = &w;
}

Task* unlink(Waiter& w) REQUIRES(pi_lock)
{
    Task* owner = w.owner;
    if (owner == nullptr)
        return nullptr;
    for (Waiter** at = &owner->pi_first; *at != nullptr; at = &(*at)->next_of_owner) {
        if (*at == &w) {
            *at = w.next_of_owner;
            break;
        }
    }
    w.owner = nullptr;
    w.task->pi_waits_for = nullptr;
    return owner;
}

// Who is about to go looks for waiters once it has said so (release_owned()): it finds one, or is not found here.
Task* find_staying(Process& p, u32 tid) REQUIRES(pi_lock)
{
    LockGuard guard(p.lock);
    Task* t = find_task(p, tid);
    return t != nullptr && !t->ending ? t : nullptr;
}

} // namespace

Status begin_wait(Waiter& w, u32 owner_tid)
{
    LockGuard guard(pi_lock);
    Task* owner = find_staying(*w.task->owner, owner_tid);
    if (owner == nullptr)
        return fail(Errno::srch);
    for (const Task* t = owner; t != nullptr; t = t->pi_waits_for)
        if (t == w.task)
            return fail(Errno::deadlk);
    link(w, *owner);
    pass_on(owner);
    return {};
}

void end_wait(Waiter& w)
{
    LockGuard guard(pi_lock);
    pass_on(unlink(w));
}

void wait_for_another(Waiter& w, Task& owner)
{
    LockGuard guard(pi_lock);
    Task* old = unlink(w);
    link(w, owner);
    pass_on(old);
    pass_on(&owner);
}

bool has_waiters(const Task& owner)
{
    LockGuard guard(pi_lock);
    return owner.pi_first != nullptr;
}

void priority_changed(Task& task)
{
    LockGuard guard(pi_lock);
    pass_on(task.pi_waits_for);
}

} // namespace still::futex
