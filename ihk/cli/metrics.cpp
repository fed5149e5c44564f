// SPDX-License-Identifier: BSD-2-Clause
// ihkosctl metrics: counters in the text format that Prometheus reads (exposition format 0.0.4).
#include "commands.hpp"
#include "common.hpp"

#include "ihk/times.hpp"

#include <fmt/format.h>

#include <fstream>
#include <map>

namespace still::cli {

namespace {

std::string escaped(const std::string& value)
{
    std::string out;
    for (const char c : value) {
        if (c == '\\' || c == '"') {
            out += '\\';
        }
        out += c == '\n' ? ' ' : c;
    }
    return out;
}

// Lines of one name have to stand together, whichever instance they are of.
class Page {
  public:
    void add(const char* name, const char* type, const char* help, const std::string& labels, double value)
    {
        Family& family = families_[name];
        family.head = fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
        family.lines += fmt::format("{}{{{}}} {}\n", name, labels, value);
    }
    void print() const
    {
        for (const auto& [name, family] : families_) {
            fmt::print("{}{}", family.head, family.lines);
        }
    }

  private:
    struct Family {
        std::string head;
        std::string lines;
    };
    std::map<std::string, Family> families_;
};

void add_cpu(Page& page, const std::string& os, size_t number, const still_os_cpu& cpu,
             const still_status& status)
{
    const still_cpu_counters& c = cpu.counters;
    const std::string labels = fmt::format("{},cpu=\"{}\",linux_cpu=\"{}\"", os, number, cpu.linux_cpu);
    const ihk::Times times = ihk::times_of(c, status);
    const char* seconds = "Seconds that a CPU of the LWK spent so.";
    page.add("stillcore_cpu_seconds_total", "counter", seconds, labels + ",mode=\"busy\"", times.busy);
    page.add("stillcore_cpu_seconds_total", "counter", seconds, labels + ",mode=\"idle\"", times.idle);
    const char* calls = "System calls, by who did them.";
    page.add("stillcore_syscalls_total", "counter", calls, labels + ",where=\"lwk\"",
             static_cast<double>(c.syscalls_local));
    page.add("stillcore_syscalls_total", "counter", calls, labels + ",where=\"linux\"",
             static_cast<double>(c.syscalls_offloaded));
    page.add("stillcore_page_faults_total", "counter", "Page faults of programs.", labels,
             static_cast<double>(c.page_faults));
    page.add("stillcore_switches_total", "counter", "Switches between threads.", labels,
             static_cast<double>(c.switches));
    const std::pair<const char*, uint64_t> kinds[] = {
        {"doorbell", c.doorbells}, {"reschedule", c.reschedules}, {"shootdown", c.shootdowns},
        {"timer", c.timers},       {"stray", c.strays},           {"nmi", c.nmis}};
    for (const auto& [kind, count] : kinds) {
        page.add("stillcore_interrupts_total", "counter", "Interrupts that a CPU of the LWK took.",
                 fmt::format("{},kind=\"{}\"", labels, kind), static_cast<double>(count));
    }
}

void add_process(Page& page, const std::string& os, const still_process_query& process)
{
    std::ifstream file(fmt::format("/proc/{}/comm", process.pid));
    std::string name;
    std::getline(file, name);
    const still_report_process& f = process.facts;
    const std::string labels = fmt::format("{},pid=\"{}\",comm=\"{}\"", os, process.pid, escaped(name));
    page.add("stillcore_process_cpu_seconds_total", "counter", "CPU time of a process of the LWK.", labels,
             static_cast<double>(f.cpu_ns) / 1e9);
    page.add("stillcore_process_resident_bytes", "gauge", "Memory that it has.", labels,
             static_cast<double>(f.resident_bytes));
    page.add("stillcore_process_offloaded_calls_total", "counter", "System calls that Linux made for it.",
             labels, static_cast<double>(f.calls_offloaded));
    page.add("stillcore_process_threads", "gauge", "Its threads.", labels, f.num_threads);
}

ihk::Result<> add_instance(Page& page, uint32_t index)
{
    auto instance = ihk::Instance::open(index, ihk::Instance::Access::look);
    if (!instance) {
        return std::unexpected(instance.error());
    }
    const auto answer = instance->status();
    if (!answer) {
        return std::unexpected(answer.error());
    }
    const still_status& s = answer->status;
    const std::string os = fmt::format("os=\"{}\"", index);
    page.add("stillcore_state", "gauge", "1 for the state that an OS instance is in.",
             fmt::format("{},state=\"{}\"", os, ihk::state_name(s.state)), 1);
    page.add("stillcore_processes", "gauge", "Processes of the LWK.", os, s.num_processes);
    for (size_t i = 0; i < answer->cpus.size(); ++i) {
        add_cpu(page, os, i, answer->cpus[i], s);
    }
    for (uint32_t node = 0; node < STILL_MAX_NODES; ++node) {
        if (s.nodes[node].total != 0) {
            const std::string labels = fmt::format("{},node=\"{}\"", os, node);
            page.add("stillcore_memory_bytes", "gauge", "Memory of the LWK on a node.", labels,
                     static_cast<double>(s.nodes[node].total));
            page.add("stillcore_memory_free_bytes", "gauge", "Of it, what is free.", labels,
                     static_cast<double>(s.nodes[node].free));
        }
    }
    if (s.state != STILL_OS_RUNNING) {
        return {};
    }
    const auto processes = instance->processes();
    if (!processes) {
        return std::unexpected(processes.error());
    }
    for (const auto& process : *processes) {
        add_process(page, os, process);
    }
    return {};
}

} // namespace

int metrics()
{
    auto device = ihk::Device::open();
    if (!device) {
        return report(device.error());
    }
    const auto indices = device->instances();
    if (!indices) {
        return report(indices.error());
    }
    Page page;
    for (const uint32_t index : *indices) {
        if (const auto done = add_instance(page, index); !done) {
            return report(done.error());
        }
    }
    page.print();
    return exit_ok;
}

} // namespace still::cli
