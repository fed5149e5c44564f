// SPDX-License-Identifier: BSD-2-Clause
// A task's call to its proxy, for the one place where each instruction counts; others call offload().
#pragma once

#include <exec/process.hpp>

namespace still {

// Whether the thread blocks SIGTTIN and SIGTTOU decides in Linux what a terminal lets it do in the background.
inline u32 tty_flags(u64 mask)
{
    if ((mask & (signal_bit(sig_ttin) | signal_bit(sig_ttou))) == 0) [[likely]]
        return 0;
    return ((mask & signal_bit(sig_ttin)) != 0 ? STILL_CALL_BLOCKS_TTIN : 0) |
           ((mask & signal_bit(sig_ttou)) != 0 ? STILL_CALL_BLOCKS_TTOU : 0);
}

// The proxy's answer to what was posted on the task's slot.
Result<i64> await_answer(Task& task);

[[gnu::always_inline]] inline Result<i64> offload_inline(Task& task, u32 nr, u64 a0, u64 a1, u64 a2, u64 a3,
                                                         u64 a4, u64 a5)
{
    if (task.robust_told != task.robust_list && task.owner->space.shares_memory()) [[unlikely]]
        tell_robust_list(task);
    task.slot.post(nr | tty_flags(task.signals.mask), a0, a1, a2, a3, a4, a5);
    return await_answer(task);
}

} // namespace still
