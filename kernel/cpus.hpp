// SPDX-License-Identifier: BSD-2-Clause
// The CPUs of the instance: made, set up and started, beside Linux and alone. Beside Linux CPUs come and go while it
// runs. They keep one numbering without holes: the next to come gets the next number, and only the last goes. What the
// LWK made for a CPU stays for the next one of that number.
#pragma once

#include <base/result.hpp>
#include <base/types.hpp>
#include <stillcore/boot_block.h>

struct still_shared;

namespace still {

// All of the block's; the one that runs is set up. shared: nullptr when alone.
void make_cpus(still_boot_block& block, still_shared* shared);
// Starts the others. Beside Linux all must come; alone, those that don't are taken out of the block.
// skip: a CPU that is not started, for tests; 0: none.
void start_cpus(still_boot_block& block, PhysAddr image, u32 skip);

// One more, which is the block's last one then; its rings are at pair. By a service thread, one at a time.
Status bring_cpu(still_boot_block& block, PhysAddr image, const still_boot_cpu& fresh, PhysAddr pair);
// Fault injection: the next to come does so only when nobody waits for it any more.
void let_next_cpu_tarry();
// The one that this runs on, which must be the last: from its service thread. Afterwards it may only say so and halt.
Status send_cpu_away(still_boot_block& block);

} // namespace still
