// SPDX-License-Identifier: BSD-2-Clause
// ihkosctl N get usage: who has the instance's memory, on which node, in pages of which size.
#include "usage.hpp"

#include "common.hpp"

#include "ihk/usage.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace still::cli {

namespace {

nlohmann::json json_of(const ihk::Sizes& sizes)
{
    return {{"bytes_4k", sizes[0]}, {"bytes_2m", sizes[1]}, {"bytes_1g", sizes[2]}};
}

void print_json(const still_status& status, const std::vector<still_usage_query>& processes)
{
    auto nodes = nlohmann::json::array();
    for (const auto& [node, sizes] : ihk::sum_of(processes, status)) {
        nodes.push_back({{"node", node},
                         {"total_bytes", status.nodes[node].total},
                         {"free_bytes", status.nodes[node].free},
                         {"programs", json_of(sizes)}});
    }
    auto list = nlohmann::json::array();
    for (const still_usage_query& process : processes) {
        auto own = nlohmann::json::array();
        for (const auto& [node, sizes] : ihk::nodes_of(process)) {
            auto entry = json_of(sizes);
            entry["node"] = node;
            own.push_back(entry);
        }
        list.push_back({{"pid", process.pid}, {"uid", process.uid}, {"nodes", own}});
    }
    fmt::print("{}\n", nlohmann::json({{"nodes", nodes},
                                       {"processes", list},
                                       {"kept_bytes", status.kept},
                                       {"cached_bytes", status.cached}})
                           .dump());
}

std::string kib(uint64_t bytes)
{
    return fmt::format("{} KiB", bytes / 1024);
}

void print_table(const still_status& status, const std::vector<still_usage_query>& processes)
{
    constexpr const char* row = "{:>8} {:>6} {:>14} {:>14} {:>14} {:>14} {:>14}\n";
    fmt::print(fmt::runtime(row), "", "node", "total", "free", "4 KiB pages", "2 MiB pages", "1 GiB pages");
    for (const auto& [node, sizes] : ihk::sum_of(processes, status)) {
        fmt::print(fmt::runtime(row), "programs", node, kib(status.nodes[node].total),
                   kib(status.nodes[node].free), kib(sizes[0]), kib(sizes[1]), kib(sizes[2]));
    }
    for (const still_usage_query& process : processes) {
        for (const auto& [node, sizes] : ihk::nodes_of(process)) {
            fmt::print(fmt::runtime(row), process.pid, node, "", "", kib(sizes[0]), kib(sizes[1]),
                       kib(sizes[2]));
        }
    }
    fmt::print("of it {} kept for the LWK's objects and tables; of what is free {} hold contents of files\n",
               kib(status.kept), kib(status.cached));
}

} // namespace

int usage(ihk::Instance& os, bool json)
{
    const auto processes = os.usage();
    if (!processes) {
        return report(processes.error());
    }
    const auto status = os.status(); // the LWK counts anew when it is asked for the processes
    if (!status) {
        return report(status.error());
    }
    if (json) {
        print_json(status->status, *processes);
    } else {
        print_table(status->status, *processes);
    }
    return exit_ok;
}

} // namespace still::cli
