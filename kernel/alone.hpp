// SPDX-License-Identifier: BSD-2-Clause
// Booted without Linux: what runs, and what happens when it ends.
#pragma once

#include <arch/trap_frame.hpp>
#include <stillcore/boot_block.h>

namespace still {

struct Task;

// The log, to a console if the command line does not say otherwise; then, once there are page tables, the screen.
void begin_alone(const still_boot_block& block);
void show_alone(const still_boot_block& block);
// Once all CPUs are up, in place of waiting for Linux's requests.
[[noreturn]] void run_alone(const still_boot_block& block);

// A fault that ends this task's process: of the initial task's registers and backtrace go to the console.
void tell_fault(const Task& task, const arch::TrapFrame& frame, u32 signo);

} // namespace still
