// SPDX-License-Identifier: BSD-2-Clause
// Is a boot block that somebody else filled in what the LWK relies on? Pure.
#pragma once

#include <base/types.hpp>
#include <stillcore/boot_block.h>

namespace still {

// What is wrong, or nullptr. Ends the command line.
inline const char* check_boot_block(still_boot_block& block)
{
    if (block.magic != STILL_MAGIC || block.revision != STILL_REVISION || block.size != sizeof(block))
        return "boot block of another revision";
    if (block.num_cpus == 0 || block.num_cpus > STILL_MAX_CPUS || block.num_ranges == 0 ||
        block.num_ranges > STILL_MAX_RANGES || block.num_nodes == 0 || block.num_nodes > STILL_MAX_NODES)
        return "boot block: number of CPUs, ranges or nodes out of bounds";
    for (u32 i = 0; i < block.num_ranges; ++i) {
        const still_boot_range& r = block.ranges[i];
        if (r.start >= r.end || ((r.start | r.end) & (page_size - 1)) != 0 || r.node >= block.num_nodes ||
            (i > 0 && r.start < block.ranges[i - 1].end))
            return "boot block: memory ranges overlap or are not sorted";
    }
    block.cmdline[sizeof(block.cmdline) - 1] = '\0';
    return nullptr;
}

} // namespace still
