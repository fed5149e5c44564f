// SPDX-License-Identifier: BSD-2-Clause
// What of the machine Linux knows, and the folder that programs are shown instead of its own.
#include "ihk/device.hpp"
#include "ihk/machine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cpuid.h>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <sys/stat.h>

namespace still::ihk {

namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path)
{
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

uint32_t bits_for(uint32_t count)
{
    return static_cast<uint32_t>(std::bit_width(std::max(count, 1u) - 1));
}

// How APIC ids are made up (SDM vol. 3, 9.9; AMD's APM vol. 3, E.4): the newest leaf that the CPU has.
void read_shifts(Machine& machine)
{
    unsigned a = 0, b = 0, c = 0, d = 0;
    for (const unsigned leaf : {0x1fu, 0xbu}) {
        if (__get_cpuid_count(leaf, 0, &a, &b, &c, &d) == 0 || b == 0) {
            continue;
        }
        for (unsigned level = 0; __get_cpuid_count(leaf, level, &a, &b, &c, &d) != 0; ++level) {
            const unsigned type = c >> 8 & 0xff;
            if (type == 0) {
                return;
            }
            machine.thread_shift = type == 1 ? a & 31 : machine.thread_shift;
            machine.package_shift = a & 31;
        }
        return;
    }
    __cpuid(1, a, b, c, d);
    const unsigned threads = (d >> 28 & 1) != 0 ? std::max(b >> 16 & 0xff, 1u) : 1;
    unsigned cores = 1;
    if (__get_cpuid_max(0x80000000, nullptr) >= 0x80000008) {
        __cpuid(0x80000008, a, b, c, d);
        cores = (c & 0xff) + 1;
    }
    if (__get_cpuid_count(4, 0, &a, &b, &c, &d) != 0 && (a & 31) != 0) {
        cores = (a >> 26) + 1;
    }
    machine.package_shift = bits_for(std::max(threads, cores));
    machine.thread_shift = machine.package_shift - std::min(bits_for(cores), machine.package_shift);
}

// By how many CPUs a cache may be shared, from the leaf that lists caches; 0: the CPU does not say.
uint32_t sharers(unsigned index)
{
    unsigned a = 0, b = 0, c = 0, d = 0;
    for (const unsigned leaf : {0x8000001du, 4u}) {
        if (__get_cpuid_count(leaf, index, &a, &b, &c, &d) != 0 && (a & 31) != 0) {
            return (a >> 14 & 0xfff) + 1;
        }
    }
    return 0;
}

void read_caches(Machine& machine)
{
    for (unsigned index = 0;; ++index) {
        const fs::path folder = fmt::format("/sys/devices/system/cpu/cpu0/cache/index{}", index);
        if (!fs::exists(folder)) {
            return;
        }
        MachineCache cache;
        for (const char* name : {"coherency_line_size", "level", "number_of_sets", "physical_line_partition",
                                 "size", "type", "ways_of_associativity"}) {
            if (const std::string text = read_file(folder / name); !text.empty()) {
                cache.files[name] = text;
            }
        }
        const uint32_t count = sharers(index);
        cache.shift = count != 0                      ? bits_for(count)
                      : cache.files["level"] == "3\n" ? machine.package_shift
                                                      : machine.thread_shift;
        machine.caches.push_back(std::move(cache));
    }
}

void read_nodes(Machine& machine, const InstanceStatus& status)
{
    std::set<uint32_t> used; // Linux's numbers; the module numbers them anew in the same order
    for (const still_os_cpu& cpu : status.cpus) {
        used.insert(cpu.node);
    }
    for (uint32_t node = 0; node < STILL_MAX_NODES; ++node) {
        if (status.status.nodes[node].total != 0) {
            used.insert(node);
        }
    }
    // The columns of "distance" are the nodes that are online.
    std::vector<uint32_t> columns;
    for (uint32_t node = 0; node < STILL_MAX_NODES; ++node) {
        if (fs::exists(fmt::format("/sys/devices/system/node/node{}", node))) {
            columns.push_back(node);
        }
    }
    for (const uint32_t node : used) {
        std::istringstream text(read_file(fmt::format("/sys/devices/system/node/node{}/distance", node)));
        std::vector<uint32_t> row;
        for (const uint32_t column : columns) {
            uint32_t distance = 0;
            if (text >> distance && used.contains(column)) {
                row.push_back(distance);
            }
        }
        row.resize(used.size(), 10); // Linux without NUMA
        machine.distances.push_back(std::move(row));
        machine.has_memory.push_back(status.status.nodes[node].total != 0);
    }
    for (const still_os_cpu& cpu : status.cpus) {
        const auto node = static_cast<uint32_t>(std::distance(used.begin(), used.find(cpu.node)));
        machine.cpus.push_back({cpu.apic_id, node});
    }
}

constexpr const char* fingerprint_name = "fingerprint";

// FNV-1a, of all that a folder says and of where it lies.
std::string fingerprint(const Tree& tree)
{
    uint64_t hash = 0xcbf29ce484222325;
    const auto add = [&hash](std::string_view text) {
        for (const char c : text) {
            hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
        }
        hash = (hash ^ 0x100) * 0x100000001b3; // where one text ends
    };
    for (const auto& [path, file] : tree) {
        add(path);
        add(file.text);
        add(file.is_link ? "link" : "file");
    }
    return fmt::format("{:016x}\n", hash);
}

Result<> write_tree(const Tree& tree, const fs::path& folder)
{
    for (const auto& [path, file] : tree) {
        std::error_code error;
        fs::create_directories((folder / path).parent_path(), error);
        if (file.is_link) {
            fs::create_symlink(file.text, folder / path, error);
        } else if (!(std::ofstream(folder / path) << file.text)) {
            error = std::error_code(errno, std::generic_category());
        }
        if (error) {
            return fail(error.value(),
                        fmt::format("cannot write {}: {}", (folder / path).string(), error.message()));
        }
    }
    return {};
}

} // namespace

Result<std::vector<CpuPlace>> cpu_places(Instance& instance)
{
    const auto status = instance.status();
    if (!status) {
        return std::unexpected(status.error());
    }
    Machine machine;
    read_shifts(machine);
    std::vector<CpuPlace> places;
    for (const still_os_cpu& cpu : status->cpus) {
        places.push_back({cpu.node, cpu.apic_id >> machine.thread_shift});
    }
    return places;
}

Result<> publish_machine(Instance& instance)
{
    const auto status = instance.status();
    if (!status) {
        return std::unexpected(status.error());
    }
    Machine machine;
    read_shifts(machine);
    read_caches(machine);
    read_nodes(machine, *status);
    const std::string cpuinfo = read_file("/proc/cpuinfo");
    const size_t end = cpuinfo.find("\n\n");
    machine.cpuinfo = end == std::string::npos ? cpuinfo : cpuinfo.substr(0, end + 1);
    std::istringstream(read_file("/sys/devices/system/cpu/kernel_max")) >> machine.kernel_max;

    const fs::path folder = fmt::format("/run/stillcore/{}", instance.index());
    Tree tree = machine_tree(machine);
    const std::string print = fingerprint(tree);
    if (read_file(folder / fingerprint_name) == print) {
        return {}; // an instance that was rebooted
    }
    tree[fingerprint_name] = {print, false};
    const fs::path fresh = folder.string() + ".new";
    std::error_code error;
    fs::remove_all(fresh, error);
    const mode_t mask = umask(022); // for everybody to read
    const auto written = write_tree(tree, fresh);
    umask(mask);
    if (!written) {
        return written;
    }
    // Programs may run and look: at no moment is it not there.
    if (renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, folder.c_str(), RENAME_EXCHANGE) == 0) {
        fs::remove_all(fresh, error);
        return {};
    }
    fs::rename(fresh, folder, error);
    return error ? fail(error.value(), fmt::format("cannot make {}: {}", folder.string(), error.message()))
                 : Result<>{};
}

} // namespace still::ihk
