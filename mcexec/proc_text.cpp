// SPDX-License-Identifier: BSD-2-Clause
#include "proc_text.hpp"

#include "proc_lines.hpp"
#include "proc_masks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace still::mcexec {

namespace {

constexpr uint32_t linux_max_nodes = 1024; // Mems_allowed is as wide as Linux was built for

// As seq_file_path() escapes names.
std::string escaped(std::string_view name)
{
    std::string out;
    for (const char c : name) {
        if (c == '\n' || c == '\\') {
            out += fmt::format("\\{:03o}", static_cast<unsigned char>(c));
        } else {
            out += c;
        }
    }
    return out;
}

std::string shown_name(const NamedArea& named, const still_report_process& process)
{
    const still_report_area& area = named.area;
    if (!named.name.empty()) {
        return escaped(named.name);
    }
    if (area.kind == STILL_AREA_VDSO) {
        return "[vdso]";
    }
    if (area.kind == STILL_AREA_DATA) {
        return "[vvar]";
    }
    if ((area.flags & STILL_AREA_STACK) != 0) {
        return "[stack]";
    }
    const bool heap = area.start < process.brk_end && area.end > process.brk_start;
    return heap ? "[heap]" : "";
}

std::string map_line(const NamedArea& named, const still_report_process& process)
{
    constexpr size_t name_column = 72; // and a blank
    const still_report_area& area = named.area;
    std::string line = fmt::format("{:08x}-{:08x} {}{}{}p {:08x} {:02x}:{:02x} {} ", area.start, area.end,
                                   (area.prot & 1) != 0 ? 'r' : '-', (area.prot & 2) != 0 ? 'w' : '-',
                                   (area.prot & 4) != 0 ? 'x' : '-', area.file_offset, named.major,
                                   named.minor, named.inode);
    if (const std::string name = shown_name(named, process); !name.empty()) {
        line.resize(std::max(line.size(), name_column), ' ');
        line += " " + name;
    }
    return line + "\n";
}

// What Linux says of the proxy there: each mapping's line, and those that follow it.
std::string lines_of_proxy(std::string_view text, const still_report_area& area)
{
    std::string out;
    bool inside = false;
    for_each_line(text, [&](std::string_view line) {
        unsigned long start = 0;
        unsigned long end = 0;
        if (sscanf(std::string(line.substr(0, 40)).c_str(), "%lx-%lx ", &start, &end) == 2) {
            inside = start >= area.start && start < area.end;
        }
        if (inside) {
            out.append(line).append("\n");
        }
    });
    return out;
}

struct Sizes {
    uint64_t resident = 0;
    uint64_t anonymous = 0;
    uint64_t clean = 0; // of files
    uint64_t huge = 0;  // MAP_HUGETLB, which Linux does not count as resident
    uint64_t locked = 0;
};

uint64_t page_size_of(const still_report_area& area)
{
    const auto has = [&](uint32_t flag) { return (area.flags & flag) != 0; };
    return has(STILL_AREA_HUGE_1G) ? 1ull << 30 : has(STILL_AREA_HUGE_2M) ? 2ull << 20 : 4096;
}

Sizes sizes_of(const still_report_area& area)
{
    // Private pages of a file that may be written count as written: the LWK does not tell them apart.
    if (page_size_of(area) != 4096) {
        return {0, 0, 0, area.resident_bytes, 0};
    }
    const bool clean = area.kind == STILL_AREA_FILE && (area.prot & 2) == 0;
    return {area.resident_bytes, clean ? 0 : area.resident_bytes, clean ? area.resident_bytes : 0, 0,
            (area.flags & STILL_AREA_LOCKED) != 0 ? area.resident_bytes : 0};
}

std::string size_lines(const Sizes& s)
{
    std::string out;
    const auto line = [&](std::string_view name, uint64_t bytes) {
        out += fmt::format("{:<16}{:>8} kB\n", name, bytes / kib);
    };
    line("Rss:", s.resident);
    line("Pss:", s.resident);
    line("Pss_Dirty:", s.anonymous);
    line("Shared_Clean:", 0);
    line("Shared_Dirty:", 0);
    line("Private_Clean:", s.clean);
    line("Private_Dirty:", s.anonymous);
    line("Referenced:", s.resident);
    line("Anonymous:", s.anonymous);
    for (const char* name :
         {"LazyFree:", "AnonHugePages:", "ShmemPmdMapped:", "FilePmdMapped:", "Shared_Hugetlb:"}) {
        line(name, 0);
    }
    line("Private_Hugetlb:", s.huge);
    line("Swap:", 0);
    line("SwapPss:", 0);
    line("Locked:", s.locked);
    return out;
}

std::string vm_flags(const still_report_area& area)
{
    std::string flags;
    for (const auto& [bit, name] : {std::pair{1u, "rd "}, {2u, "wr "}, {4u, "ex "}}) {
        flags += (area.prot & bit) != 0 ? name : "";
    }
    flags += "mr mw me ";
    flags += (area.flags & STILL_AREA_STACK) != 0 ? "gd " : "";
    flags += (area.flags & STILL_AREA_LOCKED) != 0 ? "lo " : "";
    return flags + (page_size_of(area) != 4096 ? "de ht" : "ac");
}

uint64_t code_of_program(std::string_view status)
{
    constexpr std::string_view key = "\nVmExe:\t";
    const size_t at = status.find(key);
    return at == std::string_view::npos ? 0 : strtoull(status.data() + at + key.size(), nullptr, 10) * kib;
}

std::vector<uint64_t> low_bits(uint32_t count)
{
    std::vector<uint64_t> mask((count + 63) / 64);
    for (uint32_t i = 0; i < count; ++i) {
        mask[i / 64] |= 1ull << (i % 64);
    }
    return mask;
}

std::vector<uint64_t> affinity_of(const still_report_thread& thread)
{
    return {std::begin(thread.affinity), std::end(thread.affinity)};
}

} // namespace

std::string maps_text(const std::vector<NamedArea>& areas, const still_report_process& process,
                      std::string_view proxy_maps)
{
    std::string out;
    for (const NamedArea& named : areas) {
        out += named.area.kind == STILL_AREA_LINUX ? lines_of_proxy(proxy_maps, named.area)
                                                   : map_line(named, process);
    }
    for_each_line(proxy_maps, [&](std::string_view line) {
        if (line.ends_with("[vsyscall]")) {
            out.append(line).append("\n");
        }
    });
    return out;
}

std::string smaps_text(const std::vector<NamedArea>& areas, const still_report_process& process,
                       std::string_view proxy_smaps)
{
    std::string out;
    for (const NamedArea& named : areas) {
        if (named.area.kind == STILL_AREA_LINUX) {
            out += lines_of_proxy(proxy_smaps, named.area);
            continue;
        }
        out += map_line(named, process);
        out += fmt::format("{:<16}{:>8} kB\n", "Size:", (named.area.end - named.area.start) / kib);
        out += fmt::format("KernelPageSize: {0:>8} kB\nMMUPageSize:    {0:>8} kB\n",
                           page_size_of(named.area) / kib);
        out += size_lines(sizes_of(named.area));
        out += fmt::format("THPeligible:    0\nVmFlags: {}\n", vm_flags(named.area));
    }
    return out;
}

std::string smaps_rollup_text(const std::vector<NamedArea>& areas)
{
    if (areas.empty()) {
        return {};
    }
    Sizes sum;
    for (const NamedArea& named : areas) {
        const Sizes s = sizes_of(named.area);
        sum.resident += s.resident;
        sum.anonymous += s.anonymous;
        sum.clean += s.clean;
        sum.huge += s.huge;
        sum.locked += s.locked;
    }
    std::string line =
        fmt::format("{:08x}-{:08x} ---p 00000000 00:00 0 ", areas.front().area.start, areas.back().area.end);
    line.resize(std::max<size_t>(line.size(), 72), ' ');
    return line + " [rollup]\n" + size_lines(sum);
}

std::string status_text(std::string_view linux_text, const ThreadFacts& facts)
{
    const still_report_process& p = facts.process;
    const still_report_thread& t = facts.thread;
    const auto kb = [](uint64_t bytes) { return fmt::format("\t{:>8} kB", bytes / kib); };
    using Entry = std::pair<std::string_view, uint64_t>;
    // Also the pages of files are the process's own.
    const std::array<Entry, 12> sizes{{{"VmPeak", p.peak_virtual_bytes},
                                       {"VmSize", p.virtual_bytes},
                                       {"VmHWM", p.peak_resident_bytes},
                                       {"VmRSS", p.resident_bytes},
                                       {"RssAnon", p.resident_bytes},
                                       {"VmData", p.data_bytes},
                                       {"VmStk", p.stack_bytes},
                                       {"VmLck", p.locked_bytes},
                                       {"VmPin", 0},
                                       {"RssFile", 0},
                                       {"RssShmem", 0},
                                       {"VmSwap", 0}}};
    const std::array<Entry, 5> sets{{{"SigPnd", t.pending_signals},
                                     {"ShdPnd", p.pending_signals},
                                     {"SigBlk", t.blocked_signals},
                                     {"SigIgn", p.ignored_signals},
                                     {"SigCgt", p.caught_signals}}};
    const bool running = facts.own || t.state == STILL_THREAD_RUNNING;
    std::string out = replace_values(linux_text, [&](std::string_view key) -> std::optional<std::string> {
        if (key == "State") {
            return running ? "\tR (running)" : "\tS (sleeping)";
        }
        const auto* const size =
            std::find_if(sizes.begin(), sizes.end(), [&](const auto& entry) { return entry.first == key; });
        if (size != sizes.end()) {
            return kb(size->second);
        }
        if (key == "VmLib") { // VmExe is right: mcexec told Linux where the program's code is
            return kb(p.code_bytes - std::min(p.code_bytes, code_of_program(linux_text)));
        }
        if (key == "Threads") {
            return fmt::format("\t{}", p.num_threads);
        }
        const auto* const set =
            std::find_if(sets.begin(), sets.end(), [&](const auto& entry) { return entry.first == key; });
        if (set != sets.end()) {
            return fmt::format("\t{:016x}", set->second);
        }
        if (key == "Cpus_allowed") {
            return "\t" + mask_text(affinity_of(t), facts.num_cpus);
        }
        if (key == "Cpus_allowed_list") {
            return "\t" + list_text(affinity_of(t), facts.num_cpus);
        }
        if (key == "Mems_allowed") {
            return "\t" + mask_text(low_bits(facts.num_nodes), linux_max_nodes);
        }
        if (key == "Mems_allowed_list") {
            return "\t" + list_text(low_bits(facts.num_nodes), facts.num_nodes);
        }
        return std::nullopt;
    });
    if (p.peers_shift != 0) {
        out += fmt::format("SmartmapRank:\t{}\nSmartmapSize:\t{}\nSmartmapShift:\t{}\n", p.peers_rank,
                           p.peers_size, p.peers_shift);
    }
    return out;
}

std::string stat_text(std::string_view linux_text, const ThreadFacts& facts)
{
    const size_t name_end = linux_text.rfind(')');
    if (name_end == std::string_view::npos) {
        return std::string(linux_text);
    }
    // Field 3 (proc(5)) is the first behind the name.
    std::vector<std::string> fields(3);
    std::string_view rest = linux_text.substr(name_end + 1);
    while (!rest.empty() && rest.front() == ' ') {
        rest.remove_prefix(1);
        const size_t end = rest.find_first_of(" \n");
        fields.emplace_back(rest.substr(0, end));
        rest.remove_prefix(std::min(end, rest.size()));
    }
    const auto set = [&](size_t field, uint64_t value) {
        if (field < fields.size()) {
            fields[field] = fmt::format("{}", value);
        }
    };
    const still_report_process& p = facts.process;
    const still_report_thread& t = facts.thread;
    constexpr uint64_t ns_per_tick = 10'000'000;
    constexpr uint64_t shown_signals = 0x7fffffff; // as Linux: the first 31
    if (fields.size() > 3) {
        fields[3] = facts.own || t.state == STILL_THREAD_RUNNING ? "R" : "S";
    }
    if (facts.whole_process) {
        set(10, p.page_faults);
    }
    set(14, (facts.whole_process ? p.cpu_ns : t.cpu_ns) / ns_per_tick);
    set(20, p.num_threads);
    set(23, p.virtual_bytes);
    set(24, p.resident_bytes / 4096);
    set(31, t.pending_signals & shown_signals);
    set(32, t.blocked_signals & shown_signals);
    set(33, p.ignored_signals & shown_signals);
    set(34, p.caught_signals & shown_signals);
    set(39, t.cpu);
    set(47, p.brk_start);
    std::string out(linux_text.substr(0, name_end + 1));
    for (size_t i = 3; i < fields.size(); ++i) {
        out += " " + fields[i];
    }
    return out + "\n";
}

std::string statm_text(std::string_view linux_text, const still_report_process& p)
{
    constexpr uint64_t page = 4096;
    unsigned long code = 0; // the fourth field, as VmExe in status
    sscanf(std::string(linux_text).c_str(), "%*u %*u %*u %lu", &code);
    return fmt::format("{} {} 0 {} 0 {} 0\n", p.virtual_bytes / page, p.resident_bytes / page, code,
                       (p.data_bytes + p.stack_bytes) / page);
}

std::string limits_text(std::string_view linux_text, const still_report_process& p)
{
    const std::array<std::pair<std::string_view, const still_limit*>, 4> own{{
        {"Max data size", &p.limit_data},
        {"Max stack size", &p.limit_stack},
        {"Max locked memory", &p.limit_memlock},
        {"Max address space", &p.limit_as},
    }};
    const auto value = [](uint64_t limit) {
        return limit == ~0ull ? std::string("unlimited") : fmt::format("{}", limit);
    };
    std::string out;
    for_each_line(linux_text, [&](std::string_view line) {
        const auto* at = std::find_if(own.begin(), own.end(),
                                      [&](const auto& entry) { return line.starts_with(entry.first); });
        if (at == own.end()) {
            out.append(line).append("\n");
        } else {
            out += fmt::format("{:<25} {:<20} {:<20} {:<10}\n", at->first, value(at->second->soft),
                               value(at->second->hard), "bytes");
        }
    });
    return out;
}

} // namespace still::mcexec
