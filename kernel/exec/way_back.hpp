// SPDX-License-Identifier: BSD-2-Clause
// The way back to user mode.
#pragma once

#include <exec/process.hpp>

namespace still {

// Whatever has happened to the task meanwhile: stops, ends, switches, signals, restartable sequences. May not return.
// nr: the system call that is being left, or -1.
void attend(Task& task, arch::TrapFrame& frame, i32 nr);

} // namespace still
