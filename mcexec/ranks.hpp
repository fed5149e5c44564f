// SPDX-License-Identifier: BSD-2-Clause
// How the ranks that a launcher starts on one machine divide the instance's CPUs. Pure.
#pragma once

#include "options.hpp"

#include "ihk/machine.hpp"

#include <cstdint>
#include <functional>
#include <vector>

namespace still::mcexec {

struct Part {
    uint32_t rank = 0;
    uint32_t size = 1; // 1: all CPUs
};

// Which part is this mcexec's: as the options say, else the launcher in the environment.
[[nodiscard]] ihk::Result<Part> part_of(const Options& options,
                                        const std::function<const char*(const char*)>& environment);

// The CPUs of that part, ascending. wanted: those to be divided; empty: all that there are.
[[nodiscard]] std::vector<uint32_t> share_of(const std::vector<ihk::CpuPlace>& places,
                                             const std::vector<uint32_t>& wanted, Part part);

} // namespace still::mcexec
