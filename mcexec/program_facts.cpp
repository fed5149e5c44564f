// SPDX-License-Identifier: BSD-2-Clause
#include "program_facts.hpp"

#include "proc_text.hpp"
#include "process.hpp"
#include "user_memory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <map>
#include <set>
#include <unistd.h>

namespace still::mcexec {

namespace {

std::string read_all(int fd)
{
    std::string text;
    for (;;) {
        char piece[4096];
        const ssize_t got = read(fd, piece, sizeof piece);
        if (got <= 0) {
            return text;
        }
        text.append(piece, static_cast<size_t>(got));
    }
}

// All records of a kind; nothing if there is no such process, or none to be seen by this user.
template <class Record> std::optional<std::vector<Record>> ask(uint32_t kind, uint32_t pid)
{
    std::vector<Record> all;
    std::vector<Record> piece(kind == STILL_REPORT_PROCESS ? 1 : STILL_REPORT_BYTES / sizeof(Record));
    still_report request{};
    request.kind = kind;
    request.pid = pid;
    do {
        request.buffer = reinterpret_cast<uint64_t>(piece.data()); // SAFETY: the ioctl takes addresses so
        request.bytes = piece.size() * sizeof(Record);
        if (process.device.report(request) < 0) {
            return std::nullopt;
        }
        all.insert(all.end(), piece.begin(),
                   piece.begin() + static_cast<ptrdiff_t>(request.bytes / sizeof(Record)));
    } while (request.cursor != 0);
    return all;
}

std::optional<still_report_process> ask_process(uint32_t pid)
{
    const auto records = ask<still_report_process>(STILL_REPORT_PROCESS, pid);
    return records && records->size() == 1 ? std::optional(records->front()) : std::nullopt;
}

std::optional<std::vector<NamedArea>> ask_areas(uint32_t kind, uint32_t pid)
{
    const auto areas = ask<still_report_area>(kind, pid);
    if (!areas) {
        return std::nullopt;
    }
    std::map<int32_t, NamedArea> files;
    std::vector<NamedArea> named;
    named.reserve(areas->size());
    for (const still_report_area& area : *areas) {
        NamedArea& file = files[area.kind == STILL_AREA_FILE ? area.file : -1];
        if (area.kind == STILL_AREA_FILE && file.name.empty()) {
            char path[PATH_MAX] = "";
            still_file_name request{};
            request.pid = pid;
            request.handle = area.file;
            request.buffer = reinterpret_cast<uint64_t>(path); // SAFETY: as in ask()
            request.bytes = sizeof path;
            if (process.device.file_name(request) >= 0) {
                file = {{}, path, request.major, request.minor, request.inode};
            }
        }
        named.push_back(file);
        named.back().area = area;
    }
    return named;
}

// A file as large as the program's arguments; see get_mm_cmdline() in Linux's fs/proc/base.c for the rule that
// lets a program write a title over them.
std::string command_line()
{
    const ProgramStrings& s = process.strings;
    std::string text(s.arg_end - s.arg_start, '\0');
    if (text.empty() || !read_program(s.arg_start, text.data(), text.size())) {
        return {};
    }
    if (text.back() == '\0') {
        return text;
    }
    if (const size_t end = text.find('\0'); end != std::string::npos) {
        text.resize(end);
        return text;
    }
    std::string more(s.env_end - s.env_start, '\0');
    if (!more.empty() && read_program(s.env_start, more.data(), more.size())) {
        text += more.substr(0, more.find('\0'));
    }
    return text;
}

std::string environment()
{
    const ProgramStrings& s = process.strings;
    std::string text(s.env_end - s.env_start, '\0');
    return !text.empty() && read_program(s.env_start, text.data(), text.size()) ? text : std::string();
}

struct Machine {
    still_status status{};
    std::vector<still_os_cpu> cpus{STILL_MAX_CPUS};
    std::vector<uint32_t> nodes; // Linux's number of each of the instance's nodes
};

std::optional<Machine> ask_machine()
{
    Machine m;
    m.status.cpu_space = STILL_MAX_CPUS;
    m.status.cpus = reinterpret_cast<uint64_t>(m.cpus.data()); // SAFETY: as in ask()
    if (process.device.status(m.status) < 0) {
        return std::nullopt;
    }
    m.cpus.resize(std::min<uint32_t>(m.status.num_cpus, STILL_MAX_CPUS));
    std::set<uint32_t> nodes;
    for (const still_os_cpu& cpu : m.cpus) {
        nodes.insert(cpu.node);
    }
    for (uint32_t node = 0; node < STILL_MAX_NODES; ++node) {
        if (m.status.nodes[node].total != 0) {
            nodes.insert(node);
        }
    }
    m.nodes.assign(nodes.begin(), nodes.end());
    return m;
}

CpuTimes times_of(const still_os_cpu& cpu, const still_status& status)
{
    const still_cpu_counters& c = cpu.counters;
    const uint64_t running = status.tsc_now > c.since_tsc ? status.tsc_now - c.since_tsc : 0;
    const uint64_t khz = std::max<uint64_t>(status.tsc_khz, 1);
    return {(c.busy_tsc + (c.mode == STILL_CPU_BUSY ? running : 0)) / khz,
            (c.idle_tsc + (c.mode == STILL_CPU_IDLE ? running : 0)) / khz};
}

std::optional<std::string> of_machine(const ProcPath& path, int linux_file)
{
    // The LWK publishes how much memory is free whenever it is asked something.
    if (!ask_process(0)) {
        return std::nullopt;
    }
    const auto machine = ask_machine();
    if (!machine) {
        return std::nullopt;
    }
    if (path.file == ProcFile::machine_stat) {
        std::vector<CpuTimes> times;
        for (const still_os_cpu& cpu : machine->cpus) {
            times.push_back(times_of(cpu, machine->status));
        }
        return machine_stat_text(read_all(linux_file), times);
    }
    if (path.file == ProcFile::node_meminfo) {
        if (path.number >= machine->nodes.size()) {
            return std::nullopt;
        }
        const still_node_counters& node = machine->status.nodes[machine->nodes[path.number]];
        return node_meminfo_text(path.number, node.total, node.free);
    }
    uint64_t total = 0;
    uint64_t free = 0;
    for (const uint32_t node : machine->nodes) {
        total += machine->status.nodes[node].total;
        free += machine->status.nodes[node].free;
    }
    return meminfo_text(read_all(linux_file), total, free);
}

std::optional<std::string> of_thread(const ProcPath& path, uint32_t pid, uint32_t tid,
                                     const still_report_process& p, int linux_file)
{
    const auto threads = ask<still_report_thread>(STILL_REPORT_THREADS, pid);
    const auto machine = ask_machine();
    if (!threads || !machine || threads->empty()) {
        return std::nullopt;
    }
    const uint32_t wanted = tid != 0 ? tid : p.pid;
    const auto found = std::find_if(threads->begin(), threads->end(),
                                    [&](const still_report_thread& t) { return t.tid == wanted; });
    const ThreadFacts facts{p,
                            found != threads->end() ? *found : threads->front(),
                            tid == 0,
                            wanted == static_cast<uint32_t>(gettid()),
                            static_cast<uint32_t>(machine->cpus.size()),
                            static_cast<uint32_t>(machine->nodes.size())};
    const std::string linux_text = read_all(linux_file);
    return path.file == ProcFile::stat ? stat_text(linux_text, facts) : status_text(linux_text, facts);
}

std::optional<std::string> of_memory(const ProcPath& path, uint32_t pid, const still_report_process& p,
                                     int linux_file)
{
    const bool sizes = path.file != ProcFile::maps;
    const auto areas = ask_areas(sizes ? STILL_REPORT_SIZES : STILL_REPORT_AREAS, pid);
    if (!areas) {
        return std::nullopt;
    }
    switch (path.file) {
    case ProcFile::maps:
        return maps_text(*areas, p, read_all(linux_file));
    case ProcFile::smaps:
        return smaps_text(*areas, p, read_all(linux_file));
    default:
        return smaps_rollup_text(*areas);
    }
}

} // namespace

std::vector<still_report_area> own_areas()
{
    return ask<still_report_area>(STILL_REPORT_AREAS, 0).value_or(std::vector<still_report_area>{});
}

std::set<uint32_t> own_threads()
{
    std::set<uint32_t> numbers;
    for (const auto& thread :
         ask<still_report_thread>(STILL_REPORT_THREADS, 0).value_or(std::vector<still_report_thread>{})) {
        numbers.insert(thread.tid);
    }
    return numbers;
}

std::optional<std::string> make_contents(const ProcPath& path, int linux_file)
{
    if (path.file == ProcFile::meminfo || path.file == ProcFile::machine_stat ||
        path.file == ProcFile::node_meminfo) {
        return of_machine(path, linux_file);
    }
    uint32_t pid = path.pid == static_cast<uint32_t>(getpid()) ? 0 : path.pid;
    uint32_t tid = path.tid == any_thread ? static_cast<uint32_t>(gettid()) : path.tid;
    if (pid != 0 && tid == 0 && access(fmt::format("/proc/self/task/{}", pid).c_str(), F_OK) == 0) {
        tid = std::exchange(pid, 0); // /proc has threads' numbers too, though it does not list them
    }
    if (pid != 0 && (path.file == ProcFile::cmdline || path.file == ProcFile::environ)) {
        return std::nullopt; // Linux has what it was started with
    }
    const auto p = ask_process(pid);
    if (!p) {
        return std::nullopt;
    }
    switch (path.file) {
    case ProcFile::cmdline:
        return command_line();
    case ProcFile::environ:
        return environment();
    case ProcFile::statm:
        return statm_text(read_all(linux_file), *p);
    case ProcFile::limits:
        return limits_text(read_all(linux_file), *p);
    case ProcFile::stat:
    case ProcFile::status:
        return of_thread(path, pid, tid, *p, linux_file);
    case ProcFile::maps:
    case ProcFile::smaps:
    case ProcFile::smaps_rollup:
        return of_memory(path, pid, *p, linux_file);
    default:
        return std::nullopt;
    }
}

} // namespace still::mcexec
