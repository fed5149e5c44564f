// SPDX-License-Identifier: BSD-2-Clause
// Booted without Linux: what runs, and what happens when it ends.
#pragma once

#include <stillcore/boot_block.h>

namespace still {

// The log, to a console if the command line does not say otherwise; then, once there are page tables, the screen.
void begin_alone(const still_boot_block& block);
void show_alone(const still_boot_block& block);
// Once all CPUs are up, in place of waiting for Linux's requests.
[[noreturn]] void run_alone(const still_boot_block& block);

} // namespace still
