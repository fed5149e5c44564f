// SPDX-License-Identifier: BSD-2-Clause
// Which CPUs and how much memory `ihkosctl up` takes. Pure.
#pragma once

#include "ihk/parse.hpp"
#include "ihk/topology.hpp"

#include <cstdint>
#include <vector>

namespace still::ihk {

inline constexpr uint64_t partition_unit = 128ull << 20;

// The upper half of the online CPUs.
[[nodiscard]] Result<std::vector<uint32_t>> default_cpus(const Topology& topology);
// bytes spread over the nodes of these CPUs in proportion to their CPUs, in units of 128 MiB (of 4 MiB, for a
// smaller amount).
[[nodiscard]] Result<std::vector<MemItem>> spread_memory(const Topology& topology,
                                                         const std::vector<uint32_t>& cpus, uint64_t bytes);
// A quarter of the machine's memory, rounded down to units.
[[nodiscard]] uint64_t default_memory(const Topology& topology);

// What can be known to fail before anything is taken.
[[nodiscard]] Result<> check_cpus(const Topology& topology, const std::vector<uint32_t>& cpus);
[[nodiscard]] Result<> check_memory(const Topology& topology, const std::vector<MemItem>& items);

} // namespace still::ihk
