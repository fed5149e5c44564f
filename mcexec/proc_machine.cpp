// SPDX-License-Identifier: BSD-2-Clause
// The machine's files: the LWK's CPUs and memory.
#include "proc_lines.hpp"
#include "proc_text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace still::mcexec {

std::string machine_stat_text(std::string_view linux_text, const std::vector<CpuTimes>& cpus)
{
    constexpr uint64_t ms_per_tick = 10;
    CpuTimes all{};
    for (const CpuTimes& cpu : cpus) {
        all.busy_ms += cpu.busy_ms;
        all.idle_ms += cpu.idle_ms;
    }
    const auto line = [](const std::string& name, const CpuTimes& cpu) {
        return fmt::format("{} {} 0 0 {} 0 0 0 0 0 0\n", name, cpu.busy_ms / ms_per_tick,
                           cpu.idle_ms / ms_per_tick);
    };
    std::string out = line("cpu ", all);
    for (size_t i = 0; i < cpus.size(); ++i) {
        out += line(fmt::format("cpu{}", i), cpus[i]);
    }
    for_each_line(linux_text, [&](std::string_view text) {
        if (!text.starts_with("cpu")) {
            out.append(text).append("\n");
        }
    });
    return out;
}

std::string meminfo_text(std::string_view linux_text, uint64_t total, uint64_t free)
{
    constexpr std::string_view none[] = {
        "Buffers",        "Cached",      "SwapCached", "SwapTotal",    "SwapFree",     "Dirty",
        "Writeback",      "Active",      "Inactive",   "Active(file)", "Mapped",       "Inactive(anon)",
        "Inactive(file)", "Unevictable", "Mlocked",    "Shmem",        "KReclaimable", "Slab",
        "SReclaimable",   "SUnreclaim",  "CmaTotal",   "CmaFree",      "AnonHugePages"};
    return replace_values(linux_text, [&](std::string_view key) -> std::optional<std::string> {
        // The values stand in one column, 16 characters behind the line's start.
        const auto kb = [&](uint64_t bytes) {
            return fmt::format("{:>{}} kB", bytes / kib, key.size() < 15 ? 23 - key.size() : 8);
        };
        if (key == "MemTotal" || key == "CommitLimit") {
            return kb(total);
        }
        if (key == "MemFree" || key == "MemAvailable") {
            return kb(free);
        }
        if (key == "AnonPages" || key == "Active(anon)" || key == "Committed_AS") {
            return kb(total - std::min(free, total));
        }
        return std::find(std::begin(none), std::end(none), key) != std::end(none) ? std::optional(kb(0))
                                                                                  : std::nullopt;
    });
}

std::string node_meminfo_text(uint32_t node, uint64_t total, uint64_t free)
{
    std::string out;
    const auto line = [&](std::string_view name, uint64_t bytes) {
        out += fmt::format("Node {} {:<16}{:>8} kB\n", node, name, bytes / kib);
    };
    line("MemTotal:", total);
    line("MemFree:", free);
    line("MemUsed:", total - std::min(free, total));
    line("AnonPages:", total - std::min(free, total));
    out += fmt::format("Node {} HugePages_Total:     0\nNode {} HugePages_Free:      0\n", node, node);
    return out + fmt::format("Node {} HugePages_Surp:      0\n", node);
}

} // namespace still::mcexec
