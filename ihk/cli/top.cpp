// SPDX-License-Identifier: BSD-2-Clause
// ihkosctl top: what the CPUs and the processes of an instance did in the last second.
#include "commands.hpp"
#include "common.hpp"

#include "ihk/times.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <map>
#include <thread>
#include <unistd.h>

namespace still::cli {

namespace {

using Clock = std::chrono::steady_clock;

struct Picture {
    Clock::time_point taken;
    ihk::InstanceStatus os;
    std::vector<still_process_query> processes;
};

ihk::Result<Picture> take(ihk::Instance& instance)
{
    auto status = instance.status();
    if (!status) {
        return std::unexpected(status.error());
    }
    std::vector<still_process_query> processes;
    if (status->status.state == STILL_OS_RUNNING) {
        auto found = instance.processes();
        if (!found) {
            return std::unexpected(found.error());
        }
        processes = std::move(*found);
    }
    return Picture{Clock::now(), std::move(*status), std::move(processes)};
}

std::string name_of(uint32_t pid)
{
    std::ifstream file(fmt::format("/proc/{}/comm", pid));
    std::string name;
    std::getline(file, name);
    return name.empty() ? "?" : name;
}

// Counters start anew with a reboot: then what there is has come since.
double rate(uint64_t before, uint64_t now, double seconds)
{
    return static_cast<double>(now >= before ? now - before : now) / seconds;
}

uint64_t interrupts(const still_cpu_counters& c)
{
    return c.doorbells + c.reschedules + c.shootdowns + c.timers + c.strays + c.nmis;
}

void show_cpus(const Picture& before, const Picture& now, double seconds)
{
    fmt::print("{:>3} {:>5} {:>6} {:>7} {:>10} {:>10} {:>9} {:>9} {:>8} {:>8}  {}\n", "cpu", "linux", "now",
               "busy %", "local/s", "offload/s", "fault/s", "switch/s", "intr/s", "queue", "runs");
    for (size_t i = 0; i < now.os.cpus.size(); ++i) {
        const still_cpu_counters& c = now.os.cpus[i].counters;
        const still_cpu_counters none{};
        const still_cpu_counters& b = i < before.os.cpus.size() ? before.os.cpus[i].counters : none;
        const double busy = ihk::times_of(c, now.os.status).busy -
                            (i < before.os.cpus.size() ? ihk::times_of(b, before.os.status).busy : 0);
        fmt::print("{:>3} {:>5} {:>6} {:>7.1f} {:>10.0f} {:>10.0f} {:>9.0f} {:>9.0f} {:>8.0f} {:>8}  {}\n", i,
                   now.os.cpus[i].linux_cpu,
                   c.mode == STILL_CPU_BUSY   ? "busy"
                   : c.mode == STILL_CPU_IDLE ? "idle"
                                              : "off",
                   std::clamp(100 * busy / seconds, 0.0, 100.0),
                   rate(b.syscalls_local, c.syscalls_local, seconds),
                   rate(b.syscalls_offloaded, c.syscalls_offloaded, seconds),
                   rate(b.page_faults, c.page_faults, seconds), rate(b.switches, c.switches, seconds),
                   rate(interrupts(b), interrupts(c), seconds), c.runnable,
                   c.pid != 0 ? fmt::format("{} {}", c.pid, name_of(c.pid)) : std::string("-"));
    }
}

void show_processes(const Picture& before, const Picture& now, double seconds)
{
    struct Line {
        double cpu;
        double calls;
        const still_process_query* process;
    };
    std::map<uint32_t, const still_report_process*> earlier;
    for (const auto& process : before.processes) {
        earlier[process.pid] = &process.facts;
    }
    std::vector<Line> lines;
    for (const auto& process : now.processes) {
        const auto it = earlier.find(process.pid);
        const still_report_process none{};
        const still_report_process& b = it != earlier.end() ? *it->second : none;
        lines.push_back({rate(b.cpu_ns, process.facts.cpu_ns, seconds) / 1e7,
                         rate(b.calls_offloaded, process.facts.calls_offloaded, seconds), &process});
    }
    std::ranges::stable_sort(lines, std::greater{}, &Line::cpu);
    fmt::print("\n{:>7} {:>6} {:>7} {:>10} {:>10} {:>10} {:>10} {:>8} {:>8}  {}\n", "pid", "uid", "cpu %",
               "cpu s", "memory", "peak", "offload/s", "threads", "waiting", "program");
    const auto mib = [](uint64_t bytes) {
        return fmt::format("{:.1f} M", static_cast<double>(bytes) / 1048576);
    };
    for (const Line& line : lines) {
        const still_report_process& f = line.process->facts;
        fmt::print("{:>7} {:>6} {:>7.1f} {:>10.2f} {:>10} {:>10} {:>10.0f} {:>8} {:>8}  {}\n",
                   line.process->pid, line.process->uid, line.cpu, static_cast<double>(f.cpu_ns) / 1e9,
                   mib(f.resident_bytes), mib(f.peak_resident_bytes), line.calls, f.num_threads,
                   f.num_offloading, name_of(line.process->pid));
    }
}

void show(uint32_t index, const Picture& before, const Picture& now)
{
    if (isatty(STDOUT_FILENO) != 0) {
        fmt::print("\033[H\033[2J"); // home, and clear
    }
    const double seconds = std::chrono::duration<double>(now.taken - before.taken).count();
    uint64_t total = 0;
    uint64_t free = 0;
    for (const auto& node : now.os.status.nodes) {
        total += node.total;
        free += node.free;
    }
    fmt::print("OS instance {}: {}, {} processes, {:.0f} of {:.0f} MiB free\n\n", index,
               ihk::state_name(now.os.status.state), now.os.status.num_processes,
               static_cast<double>(free) / 1048576, static_cast<double>(total) / 1048576);
    show_cpus(before, now, seconds);
    show_processes(before, now, seconds);
    fmt::print("\n");
    fflush(stdout);
}

} // namespace

int top(const TopOptions& options)
{
    uint32_t index = options.os.value_or(0);
    if (!options.os) {
        if (auto device = ihk::Device::open()) {
            const auto chosen = choose_instance(*device, {});
            if (!chosen) {
                return report(chosen.error());
            }
            index = *chosen;
        } // /dev/ihk is root's: others look at the first
    }
    auto instance = ihk::Instance::open(index, ihk::Instance::Access::look);
    if (!instance) {
        return report(instance.error());
    }
    auto before = take(*instance);
    for (unsigned shown = 0; before && (options.count == 0 || shown < options.count); ++shown) {
        std::this_thread::sleep_for(std::chrono::duration<double>(options.interval));
        auto now = take(*instance);
        if (now) {
            show(index, *before, *now);
        }
        before = std::move(now);
    }
    return before ? exit_ok : report(before.error());
}

} // namespace still::cli
