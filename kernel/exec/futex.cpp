// SPDX-License-Identifier: BSD-2-Clause
// Plain futexes: wait, wake, requeue.
#include <exec/futex_queue.hpp>
#include <exec/peers.hpp>

namespace still::futex {

Bucket buckets[num_buckets];

Word shared_word(const Process& p, u64 address)
{
    const Process& member = p.host != nullptr ? *p.host : p;
    if (member.peers == nullptr)
        return private_word(p, address);
    PeerAddress there{member.peer_rank, UserAddr(address), false};
    (void)is_of_peer(member, address, there);
    return {address, member.peers, (there.rank + 1ull) << peers_shift() | there.address.raw()};
}

void abandon_words(const PeerGroup& group, u32 rank)
{
    for (Bucket& b : buckets) {
        Chosen chosen;
        LockGuard guard(b.lock);
        for (Waiter** at = &b.first; *at != nullptr;) {
            Waiter* w = *at;
            if (w->space != &group || w->address >> peers_shift() != rank + 1) {
                at = &w->next;
                continue;
            }
            *at = w->next;
            chosen.choose(*w->task, w->woken);
        }
    }
}

Status check_word(u64 address)
{
    if ((address & 3) != 0)
        return fail(Errno::inval);
    if (address > arch::user_end - 4)
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
    if (w.woken.load(std::memory_order_acquire)) [[likely]]
        return true;
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

Status enqueue(Process& p, Waiter& w, u64 address, u32 expected)
{
    TRY_STATUS(check_word(address));
    for (;;) {
        Bucket& b = bucket_of(w.space, w.address);
        {
            LockGuard guard(b.lock);
            append(b, w);
            std::atomic_thread_fence(std::memory_order_seq_cst); // nobody_waits()
            u32 value = 0;
            const bool good = peek(address, value);
            if (good && value == expected) [[likely]]
                return {};
            remove(b, w);
            if (good)
                return fail(Errno::again);
        }
        TRY_STATUS(touch(p, address, Access::read));
    }
}

namespace {

Result<u32> wake_locked(Bucket& b, const Word& word, i32 count, u32 bits, Chosen& chosen) REQUIRES(b.lock)
{
    u32 woken = 0;
    for (Waiter** at = &b.first; *at != nullptr;) {
        Waiter* w = *at;
        if (w->space != word.scope || w->address != word.key) {
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
        chosen.choose(*w->task, w->woken);
        if (static_cast<i32>(++woken) >= count)
            break;
    }
    return woken;
}

[[gnu::noinline]] Result<u32> wake_some(Bucket& b, const Word& word, i32 count, u32 bits)
{
    Chosen chosen;
    LockGuard guard(b.lock);
    return wake_locked(b, word, count, bits, chosen);
}

} // namespace

Status wait(Task& task, const Word& word, u32 expected, u32 bits, u64 deadline)
{
    if (bits == 0)
        return fail(Errno::inval);
    Waiter w{&task, word.scope, word.key, bits, task.rt_priority()};
    TRY_STATUS(enqueue(*task.owner, w, word.address, expected));
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
        const Word& word = words[queued].word;
        Waiter* w = new (&waiters[queued]) Waiter{&task, word.scope, word.key, any_bit, task.rt_priority()};
        result = enqueue(*task.owner, *w, word.address, words[queued].expected);
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

Result<u32> wake(const Word& word, i32 count, u32 bits)
{
    if (bits == 0)
        return fail(Errno::inval);
    TRY_STATUS(check_word(word.address));
    Bucket& b = bucket_of(word.scope, word.key);
    return nobody_waits(b) ? Result<u32>(0) : wake_some(b, word, count, bits);
}

Result<u32> requeue(Process& p, const Word& from, const Word& to, i32 wake_count, i32 move_count, bool check,
                    u32 expected) NO_THREAD_SAFETY
{
    if (wake_count < 0 || move_count < 0)
        return fail(Errno::inval);
    TRY_STATUS(check_word(from.address));
    TRY_STATUS(check_word(to.address));
    for (;;) {
        Bucket& source = bucket_of(from.scope, from.key);
        Bucket& target = bucket_of(to.scope, to.key);
        {
            Chosen chosen;
            TwoLocks guard(source, target);
            u32 value = expected;
            if (!check || peek(from.address, value)) {
                if (value != expected)
                    return fail(Errno::again);
                i32 count = 0;
                for (Waiter** at = &source.first; *at != nullptr && count - wake_count < move_count;) {
                    Waiter* w = *at;
                    if (w->space != from.scope || w->address != from.key) {
                        at = &w->next;
                        continue;
                    }
                    if (w->pi || w->requeue_to != 0)
                        return fail(Errno::inval);
                    if (++count <= wake_count) {
                        *at = w->next;
                        chosen.choose(*w->task, w->woken);
                    } else if (from.scope == to.scope && from.key == to.key) {
                        at = &w->next;
                    } else {
                        *at = w->next;
                        __atomic_store_n(&w->address, to.key, __ATOMIC_RELEASE);
                        append(target, *w);
                    }
                }
                return static_cast<u32>(count);
            }
        }
        TRY_STATUS(touch(p, from.address, Access::read));
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

Result<u32> wake_op(Process& p, const Word& first, const Word& second, i32 wake_first, i32 wake_second,
                    u32 op) NO_THREAD_SAFETY
{
    TRY_STATUS(check_word(first.address));
    TRY_STATUS(check_word(second.address));
    const auto sign12 = [](u32 v) { return static_cast<i32>(v << 20) >> 20; };
    const u32 operation = op >> 28 & 7;
    const u32 comparison = op >> 24 & 15;
    u32 operand = static_cast<u32>(sign12(op >> 12 & 0xfff));
    const i32 against = sign12(op & 0xfff);
    if ((op >> 31) != 0)
        operand = 1u << (operand & 31); // Linux masks what is out of range, too
    if (operation > 4 || comparison > 5)
        return fail(Errno::nosys);
    for (;;) {
        Bucket& a = bucket_of(first.scope, first.key);
        Bucket& b = bucket_of(second.scope, second.key);
        {
            Chosen chosen;
            TwoLocks guard(a, b);
            u32 old = 0;
            bool good = peek(second.address, old);
            while (good) {
                u32 seen = 0;
                good = exchange(second.address, old, apply(operation, old, operand), seen);
                if (good && seen == old)
                    break;
                old = seen;
            }
            if (good) {
                u32 woken = TRY(wake_locked(a, first, wake_first, any_bit, chosen));
                if (compare(comparison, static_cast<i32>(old), against))
                    woken += TRY(wake_locked(b, second, wake_second, any_bit, chosen));
                return woken;
            }
        }
        TRY_STATUS(touch(p, second.address, Access::write));
    }
}

} // namespace still::futex
