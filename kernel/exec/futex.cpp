// SPDX-License-Identifier: BSD-2-Clause
#include <arch/cpu.hpp>
#include <arch/layout.hpp>
#include <arch/user_copy.hpp>
#include <exec/futex.hpp>
#include <exec/user_memory.hpp>

namespace still::futex {

namespace {

bool is_valid(u64 address)
{
    return (address & 3) == 0 && address < arch::user_limit - 4;
}

struct Waiter {
    Task* task;
    Process* process;
    u64 address;
    u32 bits;
    std::atomic<bool> woken{false};
    Waiter* next = nullptr;
};

struct Bucket {
    SpinLock lock;
    Waiter* first GUARDED_BY(lock) = nullptr;
};

constexpr u32 num_buckets = 1024;
Bucket buckets[num_buckets];

Bucket& bucket_of(const Process& p, u64 address)
{
    const u64 mixed = ((address >> 2) ^ reinterpret_cast<u64>(&p) >> 6) * 0x9e3779b97f4a7c15;
    return buckets[mixed >> 54];
}

// Reads the word while a bucket is locked: false if the page is not there.
bool peek(u64 address, u32& value)
{
    Cpu& c = this_cpu();
    c.no_user_faults = true;
    const bool good = arch::still_user_load32(address, &value) == 0;
    c.no_user_faults = false;
    return good;
}

// Makes the page present, with no lock held.
Status touch(Process& p, u64 address, Access access)
{
    const FaultError e = resolve_fault(p, UserAddr(address), access);
    if (e.signo != 0)
        return fail(Errno::fault);
    return {};
}

void append(Bucket& b, Waiter& w) REQUIRES(b.lock)
{
    Waiter** at = &b.first;
    while (*at != nullptr)
        at = &(*at)->next;
    w.next = nullptr;
    *at = &w;
}

void remove(Bucket& b, Waiter& w) REQUIRES(b.lock)
{
    for (Waiter** at = &b.first; *at != nullptr; at = &(*at)->next) {
        if (*at == &w) {
            *at = w.next;
            return;
        }
    }
}

u32 wake_locked(Bucket& b, const Process& p, u64 address, u32 count, u32 bits) REQUIRES(b.lock)
{
    u32 woken = 0;
    for (Waiter** at = &b.first; *at != nullptr && woken < count;) {
        Waiter* w = *at;
        if (w->process != &p || w->address != address || (w->bits & bits) == 0) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        // Its owner takes this lock once more before it returns: neither it nor w vanishes under us.
        w->woken.store(true, std::memory_order_release);
        unpark(*w->task);
        ++woken;
    }
    return woken;
}

// Both buckets in address order, once if they are the same.
class TwoLocks {
  public:
    TwoLocks(Bucket& a, Bucket& b) NO_THREAD_SAFETY : low_(&a < &b ? a : b), high_(&a < &b ? b : a)
    {
        low_.lock.lock();
        if (&low_ != &high_)
            high_.lock.lock();
    }
    ~TwoLocks() NO_THREAD_SAFETY
    {
        if (&low_ != &high_)
            high_.lock.unlock();
        low_.lock.unlock();
    }
    TwoLocks(const TwoLocks&) = delete;
    TwoLocks& operator=(const TwoLocks&) = delete;

  private:
    Bucket& low_;
    Bucket& high_;
};

} // namespace

Status wait(Task& task, u64 address, u32 expected, u32 bits, u64 deadline)
{
    if (!is_valid(address) || bits == 0)
        return fail(Errno::inval);
    Process& p = *task.owner;
    Waiter w{&task, &p, address, bits};
    for (;;) {
        Bucket& b = bucket_of(p, address);
        {
            LockGuard guard(b.lock);
            u32 value = 0;
            if (peek(address, value)) {
                if (value != expected)
                    return fail(Errno::again);
                append(b, w);
                break;
            }
        }
        TRY_STATUS(touch(p, address, Access::read));
    }
    Status result{};
    while (!w.woken.load(std::memory_order_acquire)) {
        if (task.owner->dying.load(std::memory_order_relaxed) || signal_pending(task)) {
            result = fail(Errno::intr);
            break;
        }
        if (deadline != 0 && arch::read_tsc() >= deadline) {
            result = fail(Errno::timedout);
            break;
        }
        if (deadline != 0)
            park_until(deadline);
        else
            park();
    }
    // A requeue may have moved it meanwhile: the bucket is that of the address it has under the lock.
    for (;;) {
        Bucket& b = bucket_of(p, __atomic_load_n(&w.address, __ATOMIC_ACQUIRE));
        LockGuard guard(b.lock);
        if (&b != &bucket_of(p, w.address))
            continue;
        if (w.woken.load(std::memory_order_acquire))
            return {};
        remove(b, w);
        return result;
    }
}

Result<u32> wake(Process& p, u64 address, u32 count, u32 bits)
{
    if (!is_valid(address) || bits == 0)
        return fail(Errno::inval);
    Bucket& b = bucket_of(p, address);
    LockGuard guard(b.lock);
    return wake_locked(b, p, address, count, bits);
}

Result<u32> requeue(Process& p, u64 from, u64 to, u32 wake_count, u32 move_count, bool check,
                    u32 expected) NO_THREAD_SAFETY
{
    if (!is_valid(from) || !is_valid(to))
        return fail(Errno::inval);
    for (;;) {
        Bucket& source = bucket_of(p, from);
        Bucket& target = bucket_of(p, to);
        {
            TwoLocks guard(source, target);
            u32 value = expected;
            if (!check || peek(from, value)) {
                if (value != expected)
                    return fail(Errno::again);
                const u32 woken = wake_locked(source, p, from, wake_count, any_bit);
                u32 moved = 0;
                for (Waiter** at = &source.first; *at != nullptr && moved < move_count && from != to;) {
                    Waiter* w = *at;
                    if (w->process != &p || w->address != from) {
                        at = &w->next;
                        continue;
                    }
                    *at = w->next;
                    __atomic_store_n(&w->address, to, __ATOMIC_RELEASE);
                    append(target, *w);
                    ++moved;
                }
                return check ? woken + moved : woken;
            }
        }
        TRY_STATUS(touch(p, from, Access::read));
    }
}

Result<u32> wake_op(Process& p, u64 first, u64 second, u32 wake_first, u32 wake_second,
                    u32 op) NO_THREAD_SAFETY
{
    if (!is_valid(first) || !is_valid(second))
        return fail(Errno::inval);
    const auto sign12 = [](u32 v) { return static_cast<i32>(v << 20) >> 20; };
    const u32 operation = op >> 28 & 7;
    const u32 comparison = op >> 24 & 15;
    i32 operand = sign12(op >> 12 & 0xfff);
    const i32 against = sign12(op & 0xfff);
    if ((op >> 31) != 0) {
        if (operand < 0 || operand > 31)
            return fail(Errno::inval);
        operand = static_cast<i32>(1u << operand);
    }
    if (operation > 4 || comparison > 5)
        return fail(Errno::nosys);
    for (;;) {
        Bucket& a = bucket_of(p, first);
        Bucket& b = bucket_of(p, second);
        {
            TwoLocks guard(a, b);
            u32 old = 0;
            bool good = peek(second, old);
            while (good) {
                const u32 arg = static_cast<u32>(operand);
                const u32 next = operation == 0   ? arg
                                 : operation == 1 ? old + arg
                                 : operation == 2 ? old | arg
                                 : operation == 3 ? old & ~arg
                                                  : old ^ arg;
                u32 seen = 0;
                this_cpu().no_user_faults = true;
                good = arch::still_user_cmpxchg32(second, old, next, &seen) == 0;
                this_cpu().no_user_faults = false;
                if (good && seen == old)
                    break;
                old = seen;
            }
            if (good) {
                const i32 was = static_cast<i32>(old);
                const bool more = comparison == 0   ? was == against
                                  : comparison == 1 ? was != against
                                  : comparison == 2 ? was < against
                                  : comparison == 3 ? was <= against
                                  : comparison == 4 ? was > against
                                                    : was >= against;
                u32 woken = wake_locked(a, p, first, wake_first, any_bit);
                if (more)
                    woken += wake_locked(b, p, second, wake_second, any_bit);
                return woken;
            }
        }
        TRY_STATUS(touch(p, second, Access::write));
    }
}

} // namespace still::futex

namespace still {

namespace {

// struct robust_list_head of linux/futex.h
struct RobustHead {
    u64 first;
    i64 offset;
    u64 pending;
};
constexpr u32 owner_died = 0x40000000, futex_waiters = 0x80000000, tid_mask = 0x3fffffff;
constexpr u32 robust_limit = 2048; // as Linux: a list may be circular by mistake

void release_robust(Task& task, u64 entry, i64 offset, bool pending)
{
    const u64 word = (entry & ~1ull) + static_cast<u64>(offset);
    if ((word & 3) != 0)
        return;
    u32 value = 0;
    if (!copy_from_user(&value, word, sizeof(value)))
        return;
    while ((value & tid_mask) == task.tid) {
        u32 seen = 0;
        const u32 next = (value & futex_waiters) | owner_died;
        if (arch::still_user_cmpxchg32(word, value, next, &seen) != 0)
            return;
        if (seen == value) {
            if ((value & futex_waiters) != 0)
                (void)futex::wake(*task.owner, word, 1, futex::any_bit);
            return;
        }
        value = seen;
    }
    if (pending && value == 0)
        (void)futex::wake(*task.owner, word, 1, futex::any_bit);
}

} // namespace

void leave_robustly(Task& task)
{
    if (task.robust_list != 0) {
        RobustHead head{};
        if (copy_from_user(&head, task.robust_list, sizeof(head))) {
            u64 entry = head.first;
            for (u32 n = 0; n < robust_limit && (entry & ~1ull) != task.robust_list; ++n) {
                u64 next = 0;
                const bool more = copy_from_user(&next, entry & ~1ull, sizeof(next)).has_value();
                if ((entry & ~1ull) != (head.pending & ~1ull))
                    release_robust(task, entry, head.offset, false);
                if (!more)
                    break;
                entry = next;
            }
            if (head.pending != 0)
                release_robust(task, head.pending, head.offset, true);
        }
        task.robust_list = 0;
    }
    if (task.clear_tid != 0) {
        const u32 zero = 0;
        const u64 at = task.clear_tid;
        task.clear_tid = 0;
        if (copy_to_user(at, &zero, sizeof(zero)))
            (void)futex::wake(*task.owner, at, 1, futex::any_bit);
    }
}

} // namespace still
