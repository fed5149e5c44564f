// SPDX-License-Identifier: BSD-2-Clause
// How the ranks that a launcher starts on one machine divide the instance's CPUs. Pure.
#pragma once

#include "options.hpp"

#include "ihk/machine.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace still::mcexec {

struct Part {
    uint32_t rank = 0;
    uint32_t size = 1; // 1: all CPUs
};

// Which part is this mcexec's: as the options say, else the launcher in the environment.
[[nodiscard]] ihk::Result<Part> part_of(const Options& options,
                                        const std::function<const char*(const char*)>& environment);

// Which peer of how many, whatever CPUs it has. A group that is not a launcher's grows as they come:
// STILL_PEERS_ANY_RANK of 0.
[[nodiscard]] ihk::Result<Part> peer_of(const Options& options,
                                        const std::function<const char*(const char*)>& environment);
// The group's name, if none is given: that of the launcher's job, or else of the process that started this one.
[[nodiscard]] std::string group_of(const Options& options, int parent,
                                   const std::function<const char*(const char*)>& environment);

// The CPUs of that part, ascending. wanted: those to be divided; empty: all that there are.
[[nodiscard]] std::vector<uint32_t> share_of(const std::vector<ihk::CpuPlace>& places,
                                             const std::vector<uint32_t>& wanted, Part part);

} // namespace still::mcexec
