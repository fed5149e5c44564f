// SPDX-License-Identifier: BSD-2-Clause
// A task's calls to its proxy.
#include <exec/process.hpp>

namespace still {

namespace {

bool is_ending(void* task)
{
    return static_cast<Task*>(task)->owner->dying.load(std::memory_order_relaxed);
}

// Whether the thread blocks SIGTTIN and SIGTTOU decides in Linux what a terminal lets it do in the background.
u32 tty_flags(u64 mask)
{
    return ((mask & signal_bit(sig_ttin)) != 0 ? STILL_CALL_BLOCKS_TTIN : 0) |
           ((mask & signal_bit(sig_ttou)) != 0 ? STILL_CALL_BLOCKS_TTOU : 0);
}

} // namespace

Result<i64> offload(Task& task, u32 nr, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
    tell_robust_list(task);
    const WaitConditions until{is_ending, [](void* t) { return signal_pending(*static_cast<Task*>(t)); },
                               &task};
    return task.slot.call({nr | tty_flags(task.signals.mask), {a0, a1, a2, a3, a4, a5}}, until);
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
