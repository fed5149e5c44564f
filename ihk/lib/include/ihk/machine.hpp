// SPDX-License-Identifier: BSD-2-Clause
// An instance's CPUs and nodes as its programs see them in /proc/cpuinfo and below /sys: numbered from 0, and
// nothing else. A tree of files, made once at boot, that mcexec shows instead of Linux's.
#pragma once

#include "ihk/error.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace still::ihk {

class Instance;

struct MachineCpu {
    uint32_t apic_id;
    uint32_t node; // the instance's number
};

// As /sys/devices/system/cpu/cpu0/cache/indexN has it. All CPUs are alike.
struct MachineCache {
    std::map<std::string, std::string> files; // level, type, size ...
    uint32_t shift;                           // CPUs with equal APIC ids above these bits share it
};

struct Machine {
    std::vector<MachineCpu> cpus;
    std::vector<std::vector<uint32_t>> distances; // by the instance's nodes
    std::vector<bool> has_memory;                 // likewise
    std::vector<MachineCache> caches;
    uint32_t thread_shift = 0;  // APIC ids of one core's threads are equal above these bits
    uint32_t package_shift = 0; // of one package's
    std::string cpuinfo;        // Linux's text for one CPU
    uint32_t kernel_max = 0;
};

struct TreeFile {
    std::string text; // or where the link points
    bool is_link = false;

    bool operator==(const TreeFile&) const = default;
};
using Tree = std::map<std::string, TreeFile>; // by path

// Where an LWK CPU is: CPUs of one core have equal numbers there.
struct CpuPlace {
    uint32_t node;
    uint32_t core;
};

// Of the instance's CPUs in their order.
[[nodiscard]] Result<std::vector<CpuPlace>> cpu_places(Instance& instance);

// Pure.
[[nodiscard]] Tree machine_tree(const Machine& machine);

// Reads what is not the instance's own from Linux, which CPUID completes, and replaces /run/stillcore/N.
[[nodiscard]] Result<> publish_machine(Instance& instance);

// "0-3\n" and "f\n", as sysfs prints sets of CPUs and nodes.
[[nodiscard]] std::string sysfs_list(const std::vector<uint32_t>& members);
[[nodiscard]] std::string sysfs_mask(const std::vector<uint32_t>& members, uint32_t bits);

} // namespace still::ihk
