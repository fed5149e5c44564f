// SPDX-License-Identifier: BSD-2-Clause
// What a thread that ends owes others: robust futexes (get_robust_list(2)), PI futexes, its clear_child_tid.
#include <exec/futex_queue.hpp>
#include <exec/linux_memory.hpp>

namespace still {

namespace {

// struct robust_list_head of linux/futex.h
struct RobustHead {
    u64 first;
    i64 offset;
    u64 pending;
};
constexpr u32 robust_limit = 2048; // as Linux: a list may be circular by mistake

// Whoever waits, in the LWK or, for shared memory, in Linux.
void wake_one(Task& task, u64 word)
{
    constexpr u32 nr_futex = 202, op_wake = 1;
    if (is_in_linux(*task.owner, word))
        (void)offload(task, nr_futex, word, op_wake, 1);
    else
        (void)futex::wake(futex::shared_word(*task.owner, word), 1, futex::any_bit);
}

// Bit 0 of an entry marks a PI futex: its waiters are served by release_owned().
void release_robust(Task& task, u64 entry, i64 offset, bool pending)
{
    const bool pi = (entry & 1) != 0;
    const u64 word = (entry & ~1ull) + static_cast<u64>(offset);
    if ((word & 3) != 0)
        return;
    u32 value = 0;
    if (!copy_from_user(&value, word, sizeof(value)))
        return;
    if (pending && !pi && (value & futex::tid_mask) == 0) {
        wake_one(task, word);
        return;
    }
    while ((value & futex::tid_mask) == task.tid) {
        u32 seen = 0;
        const u32 next = (value & futex::waiters_bit) | futex::owner_died;
        if (arch::still_user_cmpxchg32(word, value, next, &seen) != 0)
            return;
        if (seen == value) {
            if (!pi && (value & futex::waiters_bit) != 0)
                wake_one(task, word);
            return;
        }
        value = seen;
    }
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
    futex::release_owned(task, false);
    if (task.clear_tid != 0) {
        const u32 zero = 0;
        const u64 at = task.clear_tid;
        task.clear_tid = 0;
        if (copy_to_user(at, &zero, sizeof(zero)))
            wake_one(task, at);
    }
}

void tell_robust_list(Task& task)
{
    if (task.robust_told == task.robust_list || !task.owner->space.shares_memory())
        return;
    constexpr u32 nr_set_robust_list = 273, head_bytes = 24;
    task.robust_told = task.robust_list;
    (void)offload_quickly(task, nr_set_robust_list, task.robust_told, head_bytes);
    choose_offload_way(task);
}

} // namespace still
