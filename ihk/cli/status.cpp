// SPDX-License-Identifier: BSD-2-Clause
// ihkosctl status: what an instance has and does.
#include "commands.hpp"
#include "common.hpp"

#include "ihk/health.hpp"
#include "ihk/times.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstring>

namespace still::cli {

namespace {

using nlohmann::ordered_json;

const char* mode_name(uint32_t mode)
{
    return mode == STILL_CPU_BUSY ? "busy" : mode == STILL_CPU_IDLE ? "idle" : "off";
}

std::string panic_text(const still_status& status)
{
    return {status.panic_text, strnlen(status.panic_text, sizeof status.panic_text)};
}

ordered_json to_json(uint32_t index, const ihk::InstanceStatus& answer)
{
    const still_status& s = answer.status;
    ordered_json root = {
        {"os", index},
        {"state", ihk::state_name(s.state)},
        {"processes", s.num_processes},
        {"tsc_khz", s.tsc_khz},
        {"doorbells", s.doorbells},
        {"bad_messages", s.bad_messages},
        {"quarantined_pages", s.quarantined},
        {"kept_bytes", s.kept},
        {"cached_bytes", s.cached},
        {"oom_kills", s.oom_kills},
        {"zaps", s.zaps},
        {"faults", s.faults},
        {"fault_ins", s.fault_ins},
        {"tries", {{"4k", s.tries[0]}, {"2m", s.tries[1]}, {"1g", s.tries[2]}, {"lost", s.lost_tries}}},
        {"fills", s.fills},
        {"log_bytes", s.log_head},
        {"panic", panic_text(s)},
        {"cpus", ordered_json::array()},
        {"nodes", ordered_json::array()},
    };
    for (size_t i = 0; i < answer.cpus.size(); ++i) {
        const still_os_cpu& cpu = answer.cpus[i];
        const still_cpu_counters& c = cpu.counters;
        const ihk::Times times = ihk::times_of(c, s);
        root["cpus"].push_back({
            {"cpu", i},
            {"linux_cpu", cpu.linux_cpu},
            {"apic_id", cpu.apic_id},
            {"node", cpu.node},
            {"mode", mode_name(c.mode)},
            {"condition", ihk::condition_name(cpu.condition)},
            {"condition_seconds", cpu.condition_seconds},
            {"busy_seconds", times.busy},
            {"idle_seconds", times.idle},
            {"doorbells", c.doorbells},
            {"reschedules", c.reschedules},
            {"shootdowns", c.shootdowns},
            {"timers", c.timers},
            {"strays", c.strays},
            {"nmis", c.nmis},
            {"syscalls_local", c.syscalls_local},
            {"syscalls_offloaded", c.syscalls_offloaded},
            {"page_faults", c.page_faults},
            {"switches", c.switches},
            {"runnable", c.runnable},
            {"pid", c.pid},
            {"tid", c.tid},
        });
    }
    for (uint32_t node = 0; node < STILL_MAX_NODES; ++node) {
        if (s.nodes[node].total != 0) {
            root["nodes"].push_back(
                {{"node", node}, {"total_bytes", s.nodes[node].total}, {"free_bytes", s.nodes[node].free}});
        }
    }
    return root;
}

void print_table(uint32_t index, const ihk::InstanceStatus& answer)
{
    const still_status& s = answer.status;
    fmt::print("OS instance {}: {}, {} CPUs, {} processes\n", index, ihk::state_name(s.state),
               answer.cpus.size(), s.num_processes);
    if (const std::string text = panic_text(s); !text.empty()) {
        fmt::print("panic: {}\n", text);
    }
    if (!answer.cpus.empty()) {
        fmt::print("\n{:>3} {:>5} {:>4} {:>4} {:>4} {:>10} {:>10} {:>9} {:>7} {:>9} {:>6} {:>6} {:>5} {:>10} "
                   "{:>9} {:>7}\n",
                   "cpu", "linux", "apic", "node", "mode", "busy s", "idle s", "doorbell", "resched",
                   "shootdown", "timer", "stray", "nmi", "local", "offload", "pid");
    }
    for (size_t i = 0; i < answer.cpus.size(); ++i) {
        const still_os_cpu& cpu = answer.cpus[i];
        const still_cpu_counters& c = cpu.counters;
        const ihk::Times times = ihk::times_of(c, s);
        fmt::print("{:>3} {:>5} {:>4} {:>4} {:>4} {:>10.3f} {:>10.3f} {:>9} {:>7} {:>9} {:>6} {:>6} {:>5} "
                   "{:>10} {:>9} {:>7}\n",
                   i, cpu.linux_cpu, cpu.apic_id, cpu.node, mode_name(c.mode), times.busy, times.idle,
                   c.doorbells, c.reschedules, c.shootdowns, c.timers, c.strays, c.nmis, c.syscalls_local,
                   c.syscalls_offloaded, c.pid != 0 ? fmt::format("{}", c.pid) : std::string("-"));
    }
    for (size_t i = 0; i < answer.cpus.size(); ++i) {
        if (const std::string text = ihk::condition_text(answer.cpus[i]); !text.empty()) {
            fmt::print("CPU {}: {}, for {} s\n", i, text, answer.cpus[i].condition_seconds);
        }
    }
    if (s.oom_kills != 0) {
        fmt::print("out of memory: {} programs were killed since the boot\n", s.oom_kills);
    }
    for (uint32_t node = 0; node < STILL_MAX_NODES; ++node) {
        if (s.nodes[node].total != 0) {
            fmt::print("{}memory of node {}: {:.1f} MiB, {:.1f} MiB free\n", node == 0 ? "\n" : "", node,
                       static_cast<double>(s.nodes[node].total) / 1048576.0,
                       static_cast<double>(s.nodes[node].free) / 1048576.0);
        }
    }
    fmt::print(
        "\nto Linux: {} doorbells, {} bad messages, {} zaps, {} faults ({} asked from the LWK), {} fills, "
        "{} pages in quarantine\n",
        s.doorbells, s.bad_messages, s.zaps, s.faults, s.fault_ins, s.fills, s.quarantined);
}

} // namespace

int status(std::optional<uint32_t> given, bool json)
{
    std::vector<uint32_t> indices;
    if (given) {
        indices.push_back(*given);
    } else {
        // /dev/ihk is root's; what others may look at, they find by name.
        if (auto device = ihk::Device::open()) {
            const auto list = device->instances();
            if (!list) {
                return report(list.error());
            }
            indices = *list;
            if (indices.empty()) {
                progress("there is no OS instance; 'ihkosctl up' boots one");
            }
        } else if (device.error().number == EACCES) {
            indices.push_back(0);
        } else {
            return report(device.error());
        }
    }
    ordered_json all = ordered_json::array();
    for (const uint32_t index : indices) {
        auto os = ihk::Instance::open(index, ihk::Instance::Access::look);
        if (!os) {
            return report(os.error());
        }
        const auto answer = os->status();
        if (!answer) {
            return report(answer.error());
        }
        if (json) {
            all.push_back(to_json(index, *answer));
        } else {
            print_table(index, *answer);
        }
    }
    if (json) {
        fmt::print("{}\n", (given ? all.front() : all).dump(2));
    }
    return exit_ok;
}

} // namespace still::cli
