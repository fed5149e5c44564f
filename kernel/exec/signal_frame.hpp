// SPDX-License-Identifier: BSD-2-Clause
// Linux's frame on the user's stack, where a handler finds what was interrupted.
#pragma once

#include <exec/process.hpp>

namespace still {

// Writes the handler's frame and points the registers at the handler. fault: no room on the stack.
Status push_signal_frame(Task& task, arch::TrapFrame& f, const SignalAction& action, const SignalInfo& info,
                         u64 mask);
// rt_sigreturn: registers from the frame on the user's stack. A bad one is the program's SIGSEGV.
void return_from_handler(Task& task, arch::TrapFrame& frame);

} // namespace still
