// SPDX-License-Identifier: BSD-2-Clause
// Restartable sequences (rseq(2)), as Linux 6.1 has them: the thread's CPU number in its own memory, and a critical
// section that is left by its abort handler after a switch, a migration or a signal.
#pragma once

#include <exec/process.hpp>

namespace still::rseq {

// registered with another address or signature: inval, perm; already: busy.
Status enroll(Task& task, u64 address, u64 length, u32 signature);
Status withdraw(Task& task, u64 address, u64 length, u32 signature);

// On the way back to user mode, and before a signal's frame is made (signal): ends the critical section that the
// registers are in, if the thread was switched since, and writes the CPU's number.
void on_return(Task& task, arch::TrapFrame& frame);
void on_signal(Task& task, arch::TrapFrame& frame);

} // namespace still::rseq
