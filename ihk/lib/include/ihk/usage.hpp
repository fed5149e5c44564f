// SPDX-License-Identifier: BSD-2-Clause
// Who has an instance's memory, on which node, in pages of which size. Pure.
#pragma once

#include "ihk/device.hpp"

#include <array>
#include <map>

namespace still::ihk {

using Sizes = std::array<uint64_t, 3>; // bytes in pages of 4 KiB, 2 MiB, 1 GiB
using Nodes = std::map<uint32_t, Sizes>;

[[nodiscard]] Nodes nodes_of(const still_usage_query& process);
// Of all of them, with each node that the instance has memory on. What several processes share counts for each of them.
[[nodiscard]] Nodes sum_of(const std::vector<still_usage_query>& processes, const still_status& status);

} // namespace still::ihk
