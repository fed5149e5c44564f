// SPDX-License-Identifier: BSD-2-Clause
// The contents of files below /proc that tell of the program: Linux's text of the proxy with the LWK's facts put
// in, or made anew. Formats as Linux 6.1 has them (fs/proc/task_mmu.c, array.c, base.c). Pure.
#pragma once

#include <stillcore/report.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace still::mcexec {

struct NamedArea {
    still_report_area area;
    std::string name; // of the file, or empty
    uint32_t major = 0;
    uint32_t minor = 0;
    uint64_t inode = 0;
};

// proxy_maps: Linux's map of the proxy, from which areas whose home is Linux are taken, and [vsyscall].
[[nodiscard]] std::string maps_text(const std::vector<NamedArea>& areas, const still_report_process& process,
                                    std::string_view proxy_maps);
[[nodiscard]] std::string smaps_text(const std::vector<NamedArea>& areas, const still_report_process& process,
                                     std::string_view proxy_smaps);
[[nodiscard]] std::string smaps_rollup_text(const std::vector<NamedArea>& areas);

struct ThreadFacts {
    const still_report_process& process;
    const still_report_thread& thread; // the one that the file is of
    bool whole_process;                // its own file, not one below task/
    bool own;                          // who reads runs, whatever the report says
    uint32_t num_cpus;                 // of the instance
    uint32_t num_nodes;
};

[[nodiscard]] std::string status_text(std::string_view linux_text, const ThreadFacts& facts);
[[nodiscard]] std::string stat_text(std::string_view linux_text, const ThreadFacts& facts);
[[nodiscard]] std::string statm_text(std::string_view linux_text, const still_report_process& process);
[[nodiscard]] std::string limits_text(std::string_view linux_text, const still_report_process& process);

struct CpuTimes {
    uint64_t busy_ms;
    uint64_t idle_ms;
};
[[nodiscard]] std::string machine_stat_text(std::string_view linux_text, const std::vector<CpuTimes>& cpus);
[[nodiscard]] std::string meminfo_text(std::string_view linux_text, uint64_t total, uint64_t free);
[[nodiscard]] std::string node_meminfo_text(uint32_t node, uint64_t total, uint64_t free);

} // namespace still::mcexec
