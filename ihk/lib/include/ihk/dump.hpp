// SPDX-License-Identifier: BSD-2-Clause
// A core file of an instance, as gdb opens it together with the LWK's image.
#pragma once

#include "ihk/device.hpp"

#include <string>
#include <vector>

namespace still::ihk {

enum class DumpLevel {
    kernel, // the LWK's own pages; the programs' pages and free ones read as zeros
    full,
};

struct DumpSummary {
    uint64_t memory = 0;          // bytes of the instance's memory
    uint64_t written = 0;         // bytes of it in the file; the rest are holes
    std::vector<uint32_t> silent; // LWK CPUs whose registers are not, or no longer, known
};

// Holds the CPUs meanwhile, if the instance runs or hangs; they go on afterwards, also if this process is killed.
[[nodiscard]] Result<DumpSummary> dump(Instance& os, const std::string& path, DumpLevel level);

} // namespace still::ihk
