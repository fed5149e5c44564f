// SPDX-License-Identifier: BSD-2-Clause
// CPU state that the boot block carries over from Linux.
#pragma once

#include <stillcore/boot_block.h>

namespace still::arch {

// Once, before the first init_cpu(): what each CPU is to look like. All zero: our own choice (alone).
void adopt_linux_state(const still_cpu_state& state);

} // namespace still::arch
