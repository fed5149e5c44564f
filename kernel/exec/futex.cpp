// SPDX-License-Identifier: BSD-2-Clause
// Plain futexes: wait, wake, requeue.
#include <exec/futex_queue.hpp>

namespace still::futex {

Bucket buckets[num_buckets];

Status check_word(u64 address)
{
    if ((address & 3) != 0)
        return fail(Errno::inval);
    if (address > arch::user_limit - 4)
        return fail(Errno::fault);
    return {};
}

bool peek(u64 address, u32& value)
{
    Cpu& c = this_cpu();
    c.no_user_faults = true;
    const bool good = arch::still_user_load32(address, &value) == 0;
    c.no_user_faults = false;
    return good;
}

bool exchange(u64 address, u32 expected, u32 desired, u32& seen)
{
    Cpu& c = this_cpu();
    c.no_user_faults = true;
    const bool good = arch::still_user_cmpxchg32(address, expected, desired, &seen) == 0;
    c.no_user_faults = false;
    return good;
}

Status touch(Process& p, u64 address, Access access)
{
    const FaultError e = resolve_fault(p, UserAddr(address), access);
    if (e.signo != 0)
        return fail(Errno::fault);
    return {};
}

void append(Bucket& b, Waiter& w)
{
    Waiter** at = &b.first;
    while (*at != nullptr && (*at)->priority >= w.priority)
        at = &(*at)->next;
    w.next = *at;
    *at = &w;
}

void remove(Bucket& b, Waiter& w)
{
    for (Waiter** at = &b.first; *at != nullptr; at = &(*at)->next) {
        if (*at == &w) {
            *at = w.next;
            return;
        }
    }
}

void wake_one(Waiter& w)
{
    w.woken.store(true, std::memory_order_release);
    unpark(*w.task);
}

Status sleep(Task& task, const std::atomic<bool>& woken, u64 deadline)
{
    while (!woken.load(std::memory_order_acquire)) {
        if (task.owner->dying.load(std::memory_order_relaxed) || signal_pending(task))
            return fail(Errno::intr);
        if (deadline != 0 && arch::read_tsc() >= deadline)
            return fail(Errno::timedout);
        if (deadline != 0)
            park_until(deadline);
        else
            park();
    }
    return {};
}

bool dequeue(Waiter& w)
{
    // The bucket is that of the address it has under the lock.
    for (;;) {
        Bucket& b = bucket_of(w.space, __atomic_load_n(&w.address, __ATOMIC_ACQUIRE));
        LockGuard guard(b.lock);
        if (&b != &bucket_of(w.space, w.address))
            continue;
        if (w.woken.load(std::memory_order_acquire))
            return true;
        if (w.pi)
            remove_pi(b, w);
        else
            remove(b, w);
        return false;
    }
}

namespace {

// Queues the waiter if the word is as expected.
Status enqueue(Process& p, Waiter& w, u32 expected)
{
    TRY_STATUS(check_word(w.address));
    for (;;) {
        Bucket& b = bucket_of(w.space, w.address);
        {
            LockGuard guard(b.lock);
            u32 value = 0;
            if (peek(w.address, value)) {
                if (value != expected)
                    return fail(Errno::again);
                append(b, w);
                return {};
            }
        }
        TRY_STATUS(touch(p, w.address, Access::read));
    }
}

Result<u32> wake_locked(Bucket& b, const AddressSpace* space, u64 address, i32 count, u32 bits)
    REQUIRES(b.lock)
{
    u32 woken = 0;
    for (Waiter** at = &b.first; *at != nullptr;) {
        Waiter* w = *at;
        if (w->space != space || w->address != address) {
            at = &w->next;
            continue;
        }
        if (w->pi || w->requeue_to != 0)
            return fail(Errno::inval);
        if ((w->bits & bits) == 0) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        wake_one(*w);
        if (static_cast<i32>(++woken) >= count)
            break;
    }
    return woken;
}

} // namespace

Status wait(Task& task, u64 address, u32 expected, u32 bits, u64 deadline)
{
    if (bits == 0)
        return fail(Errno::inval);
    Waiter w{&task, &task.owner->space, address, bits, task.rt_priority()};
    TRY_STATUS(enqueue(*task.owner, w, expected));
    const Status slept = sleep(task, w.woken, deadline);
    if (dequeue(w))
        return {};
    return slept;
}

Result<u32> wait_any(Task& task, const WaitOn* words, u32 count, u64 deadline)
{
    constexpr u32 order = 2;
    static_assert(max_waitv * sizeof(Waiter) <= order_bytes(order));
    auto* waiters = static_cast<Waiter*>(frames::allocate_memory(this_cpu().arch.node, order));
    if (waiters == nullptr)
        return fail(Errno::nomem);
    Status result{};
    u32 queued = 0;
    for (; queued < count && result; ++queued) {
        Waiter* w = new (&waiters[queued])
            Waiter{&task, &task.owner->space, words[queued].address, any_bit, task.rt_priority()};
        result = enqueue(*task.owner, *w, words[queued].expected);
    }
    if (!result)
        --queued;
    const auto any_woken = [&] {
        for (u32 i = 0; i < queued; ++i)
            if (waiters[i].woken.load(std::memory_order_acquire))
                return true;
        return false;
    };
    while (result && !any_woken()) {
        if (task.owner->dying.load(std::memory_order_relaxed) || signal_pending(task))
            result = fail(Errno::intr);
        else if (deadline != 0 && arch::read_tsc() >= deadline)
            result = fail(Errno::timedout);
        else if (deadline != 0)
            park_until(deadline);
        else
            park();
    }
    // A wake that came while we gave up counts, also over a word that was not as expected (as on Linux).
    u32 woken = count;
    for (u32 i = 0; i < queued; ++i)
        if (dequeue(waiters[i]))
            woken = i;
    frames::release_memory(waiters, order);
    if (woken != count)
        return woken;
    return fail(result.error());
}

Result<u32> wake(Process& p, u64 address, i32 count, u32 bits)
{
    if (bits == 0)
        return fail(Errno::inval);
    TRY_STATUS(check_word(address));
    Bucket& b = bucket_of(&p.space, address);
    LockGuard guard(b.lock);
    if (b.first == nullptr) [[likely]]
        return 0;
    return wake_locked(b, &p.space, address, count, bits);
}

Result<u32> requeue(Process& p, u64 from, u64 to, i32 wake_count, i32 move_count, bool check,
                    u32 expected) NO_THREAD_SAFETY
{
    if (wake_count < 0 || move_count < 0)
        return fail(Errno::inval);
    TRY_STATUS(check_word(from));
    TRY_STATUS(check_word(to));
    const AddressSpace* space = &p.space;
    for (;;) {
        Bucket& source = bucket_of(space, from);
        Bucket& target = bucket_of(space, to);
        {
            TwoLocks guard(source, target);
            u32 value = expected;
            if (!check || peek(from, value)) {
                if (value != expected)
                    return fail(Errno::again);
                i32 count = 0;
                for (Waiter** at = &source.first; *at != nullptr && count - wake_count < move_count;) {
                    Waiter* w = *at;
                    if (w->space != space || w->address != from) {
                        at = &w->next;
                        continue;
                    }
                    if (w->pi || w->requeue_to != 0)
                        return fail(Errno::inval);
                    if (++count <= wake_count) {
                        *at = w->next;
                        wake_one(*w);
                    } else if (from == to) {
                        at = &w->next;
                    } else {
                        *at = w->next;
                        __atomic_store_n(&w->address, to, __ATOMIC_RELEASE);
                        append(target, *w);
                    }
                }
                return static_cast<u32>(count);
            }
        }
        TRY_STATUS(touch(p, from, Access::read));
    }
}

namespace {

u32 apply(u32 operation, u32 old, u32 operand)
{
    switch (operation) {
    case 0:
        return operand;
    case 1:
        return old + operand;
    case 2:
        return old | operand;
    case 3:
        return old & ~operand;
    default:
        return old ^ operand;
    }
}

bool compare(u32 comparison, i32 was, i32 against)
{
    switch (comparison) {
    case 0:
        return was == against;
    case 1:
        return was != against;
    case 2:
        return was < against;
    case 3:
        return was <= against;
    case 4:
        return was > against;
    default:
        return was >= against;
    }
}

} // namespace

Result<u32> wake_op(Process& p, u64 first, u64 second, i32 wake_first, i32 wake_second,
                    u32 op) NO_THREAD_SAFETY
{
    TRY_STATUS(check_word(first));
    TRY_STATUS(check_word(second));
    const auto sign12 = [](u32 v) { return static_cast<i32>(v << 20) >> 20; };
    const u32 operation = op >> 28 & 7;
    const u32 comparison = op >> 24 & 15;
    u32 operand = static_cast<u32>(sign12(op >> 12 & 0xfff));
    const i32 against = sign12(op & 0xfff);
    if ((op >> 31) != 0)
        operand = 1u << (operand & 31); // Linux masks what is out of range, too
    if (operation > 4 || comparison > 5)
        return fail(Errno::nosys);
    const AddressSpace* space = &p.space;
    for (;;) {
        Bucket& a = bucket_of(space, first);
        Bucket& b = bucket_of(space, second);
        {
            TwoLocks guard(a, b);
            u32 old = 0;
            bool good = peek(second, old);
            while (good) {
                u32 seen = 0;
                good = exchange(second, old, apply(operation, old, operand), seen);
                if (good && seen == old)
                    break;
                old = seen;
            }
            if (good) {
                u32 woken = TRY(wake_locked(a, space, first, wake_first, any_bit));
                if (compare(comparison, static_cast<i32>(old), against))
                    woken += TRY(wake_locked(b, space, second, wake_second, any_bit));
                return woken;
            }
        }
        TRY_STATUS(touch(p, second, Access::write));
    }
}

} // namespace still::futex
