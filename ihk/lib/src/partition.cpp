// SPDX-License-Identifier: BSD-2-Clause
#include "ihk/partition.hpp"

#include <stillcore/ioctl_admin.h>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

namespace still::ihk {

Result<std::vector<uint32_t>> default_cpus(const Topology& topology)
{
    const size_t count = std::min<size_t>(topology.online.size() / 2, STILL_MAX_CPUS);
    if (count == 0) {
        return fail(EINVAL, "this machine has one CPU online: there is none to take from Linux",
                    "an LWK needs at least one CPU beside Linux's");
    }
    return std::vector<uint32_t>(topology.online.end() - static_cast<ptrdiff_t>(count),
                                 topology.online.end());
}

uint64_t default_memory(const Topology& topology)
{
    const uint64_t quarter = topology.memory / 4;
    return std::max(quarter - quarter % partition_unit, partition_unit);
}

Result<std::vector<MemItem>> spread_memory(const Topology& topology, const std::vector<uint32_t>& cpus,
                                           uint64_t bytes)
{
    std::map<uint32_t, uint64_t> share; // CPUs by node
    for (const uint32_t cpu : cpus) {
        const auto node = topology.node_of_cpu.find(cpu);
        share[node == topology.node_of_cpu.end() ? topology.node_memory.begin()->first : node->second] += 1;
    }
    const uint64_t unit = bytes % partition_unit == 0 ? partition_unit : 4ull << 20;
    if (share.empty() || bytes < unit || bytes % unit != 0) {
        return fail(EINVAL,
                    fmt::format("{} cannot be spread over {} NUMA node(s)", format_size(bytes), share.size()),
                    "ask for a multiple of 128m");
    }
    uint64_t units = bytes / unit;
    uint64_t left = cpus.size();
    std::vector<MemItem> items;
    for (const auto& [node, count] : share) {
        const uint64_t part = units * count / left; // the last node gets what is left over
        units -= part;
        left -= count;
        if (part != 0) {
            items.push_back({node, part * unit});
        }
    }
    return items;
}

Result<> check_cpus(const Topology& topology, const std::vector<uint32_t>& cpus)
{
    for (const uint32_t cpu : cpus) {
        if (std::find(topology.online.begin(), topology.online.end(), cpu) != topology.online.end()) {
            continue;
        }
        const bool present =
            std::find(topology.present.begin(), topology.present.end(), cpu) != topology.present.end();
        return fail(present ? EBUSY : ENODEV,
                    present ? fmt::format("CPU {} is not online in Linux", cpu)
                            : fmt::format("there is no CPU {} in this machine", cpu),
                    fmt::format("online are {}", format_cpu_list(topology.online)));
    }
    if (cpus.size() >= topology.online.size()) {
        return fail(EINVAL, fmt::format("CPUs {} are all that Linux has", format_cpu_list(cpus)),
                    "leave at least one CPU to Linux");
    }
    return {};
}

Result<> check_memory(const Topology& topology, const std::vector<MemItem>& items)
{
    for (const MemItem& item : items) {
        const auto node = topology.node_memory.find(item.node.value_or(0));
        if (node == topology.node_memory.end()) {
            return fail(ENODEV,
                        fmt::format("there is no NUMA node {} in this machine", item.node.value_or(0)));
        }
        if (item.bytes != STILL_MEM_ALL && item.bytes > node->second) {
            return fail(ENOMEM,
                        fmt::format("{} on node {} is more than it has ({} MiB)", format_size(item.bytes),
                                    node->first, node->second >> 20),
                        "ask for less, or say all@NODE");
        }
    }
    return {};
}

} // namespace still::ihk
