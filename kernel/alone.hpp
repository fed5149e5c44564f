// SPDX-License-Identifier: BSD-2-Clause
// Booted without Linux: what runs, and what happens when it ends.
#pragma once

#include <stillcore/boot_block.h>

namespace still {

// Once all CPUs are up, in place of waiting for Linux's requests.
[[noreturn]] void run_alone(const still_boot_block& block);

} // namespace still
