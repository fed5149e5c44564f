// SPDX-License-Identifier: BSD-2-Clause
// A task's calls to its proxy.
#include <exec/offload.hpp>

namespace still {

namespace {

bool is_ending(void* task)
{
    return static_cast<Task*>(task)->owner->dying.load(std::memory_order_relaxed);
}

} // namespace

void choose_offload_way(Task& task)
{
    const bool is_plain = tty_flags(task.signals.mask) == 0 && task.num_calls != 0 &&
                          (task.robust_told == task.robust_list || !task.owner->space.shares_memory());
    still_slot* const slot = is_plain ? task.slot.shared() : nullptr;
    if (task.quick_slot != slot)
        set_quick_slot(task, slot);
}

void begin_to_share(Process& p)
{
    if (p.host != nullptr)
        begin_to_share(*p.host);
    LockGuard guard(p.lock);
    for (Task* t = p.tasks; t != nullptr; t = t->next_task)
        if (t->robust_told != t->robust_list)
            set_quick_slot(*t, nullptr);
}

Result<i64> await_answer(Task& task)
{
    const WaitConditions until{is_ending, [](void* t) { return signal_pending(*static_cast<Task*>(t)); },
                               &task};
    return task.slot.answer(until);
}

Result<i64> offload(Task& task, u32 nr, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
    return offload_inline(task, nr, a0, a1, a2, a3, a4, a5);
}

Result<i64> offload_quickly(Task& task, u32 nr, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
    const WaitConditions until{is_ending, [](void*) { return false; }, &task};
    for (;;) {
        const auto result =
            task.slot.call({nr | tty_flags(task.signals.mask), {a0, a1, a2, a3, a4, a5}}, until);
        // An interrupt that was meant for the call before.
        if (!result || *result != -static_cast<i64>(Errno::intr))
            return result;
    }
}

} // namespace still
