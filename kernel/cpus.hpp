// SPDX-License-Identifier: BSD-2-Clause
// The CPUs of the instance: made, set up and started, beside Linux and alone.
#pragma once

#include <base/types.hpp>
#include <stillcore/boot_block.h>

struct still_shared;

namespace still {

// All of the block's; the one that runs is set up. shared: nullptr when alone.
void make_cpus(still_boot_block& block, still_shared* shared);
// Starts the others. Beside Linux all must come; alone, those that don't are taken out of the block.
// skip: a CPU that is not started, for tests; 0: none.
void start_cpus(still_boot_block& block, PhysAddr image, u32 skip);

} // namespace still
