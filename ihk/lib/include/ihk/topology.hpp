// SPDX-License-Identifier: BSD-2-Clause
// What Linux says of its CPUs and memory in /sys and /proc.
#pragma once

#include "ihk/error.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace still::ihk {

struct Topology {
    std::vector<uint32_t> online; // ascending
    std::vector<uint32_t> present;
    std::map<uint32_t, uint32_t> node_of_cpu; // of the CPUs that are online
    std::map<uint32_t, uint64_t> node_memory; // node's MemTotal, bytes
    uint64_t memory = 0;                      // MemTotal, bytes
};

// root: for tests; a directory with sys/ and proc/ in it.
[[nodiscard]] Result<Topology> read_topology(const std::string& root = "");

} // namespace still::ihk
