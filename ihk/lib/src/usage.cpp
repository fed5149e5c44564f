// SPDX-License-Identifier: BSD-2-Clause
#include "ihk/usage.hpp"

#include <algorithm>

namespace still::ihk {

Nodes nodes_of(const still_usage_query& process)
{
    Nodes nodes;
    for (uint32_t i = 0; i < std::min<uint32_t>(process.count, STILL_MAX_NODES); ++i) {
        std::copy_n(process.nodes[i].bytes, 3, nodes[process.nodes[i].node].begin());
    }
    return nodes;
}

Nodes sum_of(const std::vector<still_usage_query>& processes, const still_status& status)
{
    Nodes sum;
    for (uint32_t node = 0; node < STILL_MAX_NODES; ++node) {
        if (status.nodes[node].total != 0) {
            sum[node] = {};
        }
    }
    for (const still_usage_query& process : processes) {
        for (const auto& [node, sizes] : nodes_of(process)) {
            for (size_t i = 0; i < sizes.size(); ++i) {
                sum[node][i] += sizes[i];
            }
        }
    }
    return sum;
}

} // namespace still::ihk
