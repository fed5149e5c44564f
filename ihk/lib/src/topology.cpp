// SPDX-License-Identifier: BSD-2-Clause
#include "ihk/topology.hpp"

#include "ihk/parse.hpp"

#include <fmt/format.h>

#include <stillcore/types.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace still::ihk {

namespace {

Result<std::string> read_line(const std::string& path)
{
    std::ifstream file(path);
    std::string line;
    if (!file || !std::getline(file, line)) {
        return fail(EIO, fmt::format("cannot read {}", path), "is /sys mounted?");
    }
    return line;
}

// Linux's own lists may be longer than an instance: not parse_cpu_list().
std::vector<uint32_t> parse_kernel_list(const std::string& text)
{
    std::vector<uint32_t> numbers;
    std::istringstream items(text);
    std::string item;
    while (std::getline(items, item, ',')) {
        unsigned first = 0;
        unsigned last = 0;
        const int found = sscanf(item.c_str(), "%u-%u", &first, &last);
        for (unsigned n = first; found >= 1 && n <= (found == 2 ? last : first); ++n) {
            numbers.push_back(n);
        }
    }
    return numbers;
}

// The line "MemTotal:  4028392 kB", with or without "Node 0 " before it.
uint64_t read_memtotal(const std::string& path)
{
    std::ifstream file(path);
    std::string line;
    while (std::getline(file, line)) {
        const size_t at = line.find("MemTotal:");
        if (at != std::string::npos) {
            return strtoull(line.c_str() + at + 9, nullptr, 10) * 1024;
        }
    }
    return 0;
}

} // namespace

Result<Topology> read_topology(const std::string& root)
{
    Topology topology;
    const std::string cpus = root + "/sys/devices/system/cpu/";
    const auto online = read_line(cpus + "online");
    const auto present = read_line(cpus + "present");
    if (!online || !present) {
        return std::unexpected(online ? present.error() : online.error());
    }
    topology.online = parse_kernel_list(*online);
    topology.present = parse_kernel_list(*present);
    topology.memory = read_memtotal(root + "/proc/meminfo");
    for (uint32_t node = 0; node < STILL_MAX_NODES; ++node) {
        const std::string dir = fmt::format("{}/sys/devices/system/node/node{}/", root, node);
        std::error_code error;
        if (!std::filesystem::exists(dir, error)) {
            continue;
        }
        topology.node_memory[node] = read_memtotal(dir + "meminfo");
        const auto list = read_line(dir + "cpulist");
        for (const uint32_t cpu : parse_kernel_list(list.value_or(""))) {
            topology.node_of_cpu[cpu] = node;
        }
    }
    if (topology.node_memory.empty()) { // Linux without NUMA
        topology.node_memory[0] = topology.memory;
    }
    return topology;
}

} // namespace still::ihk
