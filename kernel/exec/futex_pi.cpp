// SPDX-License-Identifier: BSD-2-Clause
// PI futexes. Ownership is never up for grabs while somebody waits: unlock, or the owner's end, gives it to the
// most urgent waiter.
#include <exec/futex_queue.hpp>

namespace still::futex {

namespace {

// The most urgent waiter for a PI word, as they are now; of equal ones the first.
Waiter* top_pi(Bucket& b, const void* space, u64 address) REQUIRES(b.lock)
{
    Waiter* top = nullptr;
    for (Waiter* w = b.first; w != nullptr; w = w->next)
        if (w->pi && w->space == space && w->address == address &&
            (top == nullptr || w->task->urgency() > top->task->urgency()))
            top = w;
    return top;
}

// The word is the waiter's now; those that are left wait for it.
void hand_over(Bucket& b, Waiter& w, Chosen& chosen) REQUIRES(b.lock)
{
    remove_pi(b, w);
    for (Waiter* other = b.first; other != nullptr; other = other->next)
        if (other->pi && other->space == w.space && other->address == w.address)
            wait_for_another(*other, *w.task);
    chosen.choose(*w.task, w.woken);
}

enum class Claim : u8 { taken, wait, absent, leaving, failed };
struct Claimed {
    Claim what;
    Errno error = Errno::inval;
    u32 owner = 0; // its thread id
};

// The thread that the word names.
Claimed find_owner(Process& p, u32 tid)
{
    LockGuard guard(p.lock);
    const Task* owner = find_task(p, tid);
    if (owner == nullptr)
        return {Claim::failed, Errno::srch};
    if (owner->ending)
        return {Claim::leaving};
    return {Claim::wait, {}, tid};
}

// Takes the word for who if nobody has it, else says for whom to wait and marks the word.
Claimed claim(Bucket& b, Task& who, u64 address, bool set_waiters) REQUIRES(b.lock)
{
    u32 value = 0;
    if (!peek(address, value))
        return {Claim::absent};
    for (;;) {
        if ((value & tid_mask) == who.tid)
            return {Claim::failed, Errno::deadlk};
        const Waiter* top = top_pi(b, &who.owner->space, address);
        if (top != nullptr) {
            if (top->owner == nullptr || (value & tid_mask) != top->owner->tid)
                return {Claim::failed, Errno::inval};
            return {Claim::wait, {}, top->owner->tid};
        }
        const bool is_free = (value & tid_mask) == 0;
        const u32 next =
            is_free ? (value & owner_died) | who.tid | (set_waiters ? waiters_bit : 0) : value | waiters_bit;
        u32 seen = 0;
        if (!exchange(address, value, next, seen))
            return {Claim::absent};
        if (seen != value) {
            value = seen;
            continue;
        }
        if (is_free)
            return {Claim::taken};
        Claimed found = find_owner(*who.owner, value & tid_mask);
        // It may have gone just now: then it has left its mark in the word.
        if (found.what == Claim::failed && peek(address, seen) && seen != next) {
            value = seen;
            continue;
        }
        return found;
    }
}

// Waits for the owner that was found, if that has not begun to leave meanwhile.
Claimed queue_up(Waiter& w, const Claimed& claimed)
{
    const Status begun = begin_wait(w, claimed.owner);
    if (begun)
        return claimed;
    return begun.error() == Errno::srch ? Claimed{Claim::leaving} : Claimed{Claim::failed, begun.error()};
}

// After a claim that could not be decided: makes the page present, or lets the owner finish its exit.
Status prepare_retry(Task& task, const Claimed& claimed, u64 address)
{
    if (claimed.what == Claim::absent)
        return touch(*task.owner, address, Access::write);
    if (task.owner->dying.load(std::memory_order_relaxed))
        return fail(Errno::intr);
    wait_a_moment();
    return {};
}

} // namespace

void remove_pi(Bucket& b, Waiter& w)
{
    remove(b, w);
    end_wait(w);
}

Status lock_pi(Task& task, u64 address, u64 deadline, bool only_try)
{
    TRY_STATUS(check_word(address));
    Waiter w{&task, &task.owner->space, address, any_bit, task.rt_priority()};
    for (;;) {
        Bucket& b = bucket_of(w.space, address);
        Claimed claimed;
        {
            LockGuard guard(b.lock);
            claimed = claim(b, task, address, false);
            if (claimed.what == Claim::wait && only_try)
                return fail(Errno::again);
            if (claimed.what == Claim::wait)
                claimed = queue_up(w, claimed);
            if (claimed.what == Claim::taken)
                return {};
            if (claimed.what == Claim::failed)
                return fail(claimed.error);
            if (claimed.what == Claim::wait) {
                w.pi = true;
                append(b, w);
                break;
            }
        }
        TRY_STATUS(prepare_retry(task, claimed, address));
    }
    const Status slept = sleep(task, w.woken, deadline);
    if (dequeue(w))
        return {};
    return slept;
}

Status unlock_pi(Task& task, u64 address)
{
    TRY_STATUS(check_word(address));
    const AddressSpace* space = &task.owner->space;
    for (;;) {
        Bucket& b = bucket_of(space, address);
        {
            Chosen chosen;
            LockGuard guard(b.lock);
            u32 value = 0;
            bool good = peek(address, value);
            while (good) {
                if ((value & tid_mask) != task.tid)
                    return fail(Errno::perm);
                Waiter* top = top_pi(b, space, address);
                u32 seen = 0;
                good = exchange(address, value, top != nullptr ? waiters_bit | top->task->tid : 0, seen);
                if (good && seen == value) {
                    if (top != nullptr)
                        hand_over(b, *top, chosen);
                    return {};
                }
                value = seen;
            }
        }
        TRY_STATUS(touch(*task.owner, address, Access::write));
    }
}

Status wait_requeue_pi(Task& task, u64 from, u32 expected, u32 bits, u64 deadline, u64 to)
{
    if (from == to || bits == 0)
        return fail(Errno::inval);
    TRY_STATUS(check_word(to));
    Process& p = *task.owner;
    Waiter w{&task, &p.space, from, bits, task.rt_priority()};
    w.requeue_to = to;
    TRY_STATUS(enqueue(p, w, from, expected));
    const Status slept = sleep(task, w.woken, deadline);
    if (dequeue(w))
        return {};
    // A signal that comes once it waits for the lock is no reason to wait on the plain word again.
    if (w.pi && slept.error() == Errno::intr)
        return fail(Errno::again);
    return slept;
}

namespace {

// Gives the waiter the PI word, or queues it there. leaving, absent: nothing was changed.
Claimed move_to_pi(Bucket& source, Bucket& target, Waiter& w, bool set_waiters, Chosen& chosen)
    REQUIRES(source.lock) REQUIRES(target.lock)
{
    Claimed claimed = claim(target, *w.task, w.requeue_to, set_waiters);
    if (claimed.what == Claim::wait)
        claimed = queue_up(w, claimed);
    if (claimed.what == Claim::taken) {
        remove(source, w);
        chosen.choose(*w.task, w.woken);
    } else if (claimed.what == Claim::wait) {
        remove(source, w);
        __atomic_store_n(&w.address, w.requeue_to, __ATOMIC_RELEASE);
        w.pi = true;
        append(target, w);
    }
    return claimed;
}

Waiter* first_on(Bucket& b, const void* space, u64 address) REQUIRES(b.lock)
{
    for (Waiter* w = b.first; w != nullptr; w = w->next)
        if (w->space == space && w->address == address)
            return w;
    return nullptr;
}

} // namespace

Result<u32> cmp_requeue_pi(Task& task, u64 from, u64 to, i32 wake_count, i32 move_count,
                           u32 expected) NO_THREAD_SAFETY
{
    if (wake_count < 0 || move_count < 0 || from == to || wake_count != 1)
        return fail(Errno::inval);
    TRY_STATUS(check_word(from));
    TRY_STATUS(check_word(to));
    Process& p = *task.owner;
    const AddressSpace* space = &p.space;
    i32 count = 0;
    for (;;) {
        Bucket& source = bucket_of(space, from);
        Bucket& target = bucket_of(space, to);
        Claimed claimed{Claim::wait};
        bool readable = true;
        {
            Chosen chosen;
            TwoLocks guard(source, target);
            u32 value = 0;
            readable = peek(from, value);
            // Once something was moved, the rest follows whatever the word is now.
            if (readable && count == 0 && value != expected)
                return fail(Errno::again);
            while (readable && count - wake_count < move_count) {
                Waiter* w = first_on(source, space, from);
                if (w == nullptr)
                    break;
                if (w->requeue_to != to || w->pi)
                    return fail(Errno::inval);
                claimed = move_to_pi(source, target, *w, move_count > 0, chosen);
                if (claimed.what != Claim::taken && claimed.what != Claim::wait)
                    break;
                ++count;
            }
        }
        if (!readable)
            TRY_STATUS(touch(p, from, Access::read));
        else if (claimed.what == Claim::failed)
            return count != 0 ? Result<u32>(static_cast<u32>(count)) : fail(claimed.error);
        else if (claimed.what == Claim::absent || claimed.what == Claim::leaving)
            TRY_STATUS(prepare_retry(task, claimed, to));
        else
            return static_cast<u32>(count);
    }
}

namespace {

// The word's owner is about to go: the most urgent waiter gets it, and is told that the owner died.
void inherit(Bucket& b, Waiter& top, Chosen& chosen) REQUIRES(b.lock)
{
    u32 value = 0;
    bool good = peek(top.address, value);
    while (good) {
        u32 seen = 0;
        good = exchange(top.address, value, waiters_bit | owner_died | top.task->tid, seen);
        if (seen == value)
            break;
        value = seen;
    }
    hand_over(b, top, chosen); // an unmapped word: nobody can unlock it, so nobody waits for it
}

} // namespace

void release_owned(Task& task, bool dying)
{
    for (Bucket& b : buckets) {
        if (!has_waiters(task))
            return;
        Chosen chosen;
        LockGuard guard(b.lock);
        for (bool again = true; again;) {
            again = false;
            for (Waiter* w = b.first; w != nullptr && !again; w = w->next) {
                if (!w->pi || w->owner != &task)
                    continue;
                if (!dying) {
                    inherit(b, *top_pi(b, w->space, w->address), chosen); // changes the list
                    again = true;
                    continue;
                }
                end_wait(*w);
            }
        }
    }
}

} // namespace still::futex
