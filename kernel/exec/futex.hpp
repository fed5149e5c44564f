// SPDX-License-Identifier: BSD-2-Clause
// Futexes (futex(2)): waiters by process and address. All memory of the LWK is private to its process.
#pragma once

#include <exec/process.hpp>

namespace still::futex {

constexpr u32 any_bit = ~0u;

// deadline: TSC, 0: none. again: the word was not expected; timedout; intr: a signal or the process's end.
Status wait(Task& task, u64 address, u32 expected, u32 bits, u64 deadline);
// Number of waiters woken.
Result<u32> wake(Process& p, u64 address, u32 count, u32 bits);
// Wakes some, moves others to another word. check: compare the first word with expected first (again).
// Number woken, plus, with check, number moved.
Result<u32> requeue(Process& p, u64 from, u64 to, u32 wake_count, u32 move_count, bool check, u32 expected);
// FUTEX_WAKE_OP; op encoded as in futex(2).
Result<u32> wake_op(Process& p, u64 first, u64 second, u32 wake_first, u32 wake_second, u32 op);

} // namespace still::futex
