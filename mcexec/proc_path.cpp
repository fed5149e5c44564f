// SPDX-License-Identifier: BSD-2-Clause
#include "proc_path.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>
#include <vector>

namespace still::mcexec {

namespace {

using Parts = std::vector<std::string_view>;

Parts split(std::string_view path)
{
    Parts parts;
    while (!path.empty()) {
        const size_t slash = path.find('/');
        const std::string_view part = path.substr(0, slash);
        path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
        if (part == "..") {
            if (!parts.empty()) {
                parts.pop_back();
            }
        } else if (!part.empty() && part != ".") {
            parts.push_back(part);
        }
    }
    return parts;
}

std::optional<uint32_t> number_of(std::string_view text)
{
    uint32_t value = 0;
    const char* const end = text.data() + text.size();
    const auto got = std::from_chars(text.data(), end, value);
    return got.ec == std::errc{} && got.ptr == end ? std::optional(value) : std::nullopt;
}

struct Name {
    std::string_view name;
    ProcFile file;
};

constexpr Name process_files[] = {
    {"cmdline", ProcFile::cmdline}, {"environ", ProcFile::environ}, {"limits", ProcFile::limits},
    {"maps", ProcFile::maps},       {"smaps", ProcFile::smaps},     {"smaps_rollup", ProcFile::smaps_rollup},
    {"stat", ProcFile::stat},       {"statm", ProcFile::statm},     {"status", ProcFile::status},
};

constexpr Name machine_files[] = {
    {"cpuinfo", ProcFile::cpuinfo},
    {"meminfo", ProcFile::meminfo},
    {"stat", ProcFile::machine_stat},
};

template <size_t N> ProcFile find(const Name (&names)[N], std::string_view name)
{
    const auto* at = std::find_if(std::begin(names), std::end(names), [&](Name n) { return n.name == name; });
    return at == std::end(names) ? ProcFile::none : at->file;
}

ProcPath in_process(ProcPath path, const Parts& parts, size_t at)
{
    if (at + 2 < parts.size() && parts[at] == "task" && number_of(parts[at + 1])) {
        path.tid = *number_of(parts[at + 1]);
        at += 2;
    }
    if (at + 1 == parts.size()) {
        path.file = find(process_files, parts[at]);
    } else if (at + 2 == parts.size() && (parts[at] == "fd" || parts[at] == "fdinfo") &&
               number_of(parts[at + 1])) {
        path.file = ProcFile::descriptor;
        path.number = *number_of(parts[at + 1]);
    }
    return path.file == ProcFile::none ? ProcPath{} : path;
}

ProcPath in_proc(const Parts& parts)
{
    ProcPath path;
    if (parts.size() == 2) {
        path.file = find(machine_files, parts[1]);
        return path;
    }
    if (parts.size() < 3) {
        return path;
    }
    if (parts[1] == "thread-self") {
        path.tid = any_thread;
    } else if (parts[1] != "self") {
        const auto pid = number_of(parts[1]);
        if (!pid || *pid == 0) {
            return path;
        }
        path.pid = *pid;
    }
    return in_process(path, parts, 2);
}

bool starts_with(const Parts& parts, std::initializer_list<std::string_view> head)
{
    return parts.size() >= head.size() && std::equal(head.begin(), head.end(), parts.begin());
}

ProcPath in_sys(const Parts& parts)
{
    if (!starts_with(parts, {"sys", "devices", "system", "cpu"}) &&
        !starts_with(parts, {"sys", "devices", "system", "node"}) &&
        !starts_with(parts, {"sys", "bus", "cpu", "devices"}) &&
        !starts_with(parts, {"sys", "bus", "node", "devices"})) {
        return {};
    }
    ProcPath path;
    path.file = ProcFile::tree;
    for (size_t i = 1; i < parts.size(); ++i) {
        path.rest.append(i == 1 ? "" : "/").append(parts[i]);
    }
    if (parts.size() == 6 && parts[5] == "meminfo" && parts[4].starts_with("node")) {
        if (const auto node = number_of(parts[4].substr(4))) {
            path.file = ProcFile::node_meminfo;
            path.number = *node;
        }
    }
    return path;
}

} // namespace

bool may_be_special(const char (&head)[8])
{
    if (head[0] != '/') {
        return false;
    }
    if (head[1] == 'p') {
        return head[2] == 'r' && head[3] == 'o' && head[4] == 'c';
    }
    if (head[1] == 's') {
        return head[2] == 'y' && head[3] == 's' && head[4] == '/';
    }
    if (head[1] == 'd') {
        return head[2] == 'e' && head[3] == 'v' && head[4] == '/' && head[5] == 'f' && head[6] == 'd';
    }
    return head[1] == '/' || head[1] == '.';
}

bool may_be_special_below(std::string_view relative)
{
    static constexpr std::string_view folders[] = {"proc", "self", "thread-self", "sys",  "devices", "system",
                                                   "bus",  "cpu",  "node",        "task", "fd"};
    while (relative.starts_with("./")) {
        relative.remove_prefix(2);
    }
    const std::string_view first = relative.substr(0, relative.find('/'));
    if (first.empty()) {
        return false;
    }
    if (first == ".." || (first[0] >= '0' && first[0] <= '9')) {
        return first == ".." || number_of(first).has_value();
    }
    return std::find(std::begin(folders), std::end(folders), first) != std::end(folders) ||
           (first.size() == relative.size() &&
            (find(process_files, first) != ProcFile::none || find(machine_files, first) != ProcFile::none));
}

ProcPath recognise(std::string_view path)
{
    Parts parts = split(path);
    if (starts_with(parts, {"dev", "fd"}) && parts.size() == 3) {
        parts = {"proc", "self", "fd", parts[2]};
    }
    if (parts.empty()) {
        return {};
    }
    if (parts[0] == "proc") {
        return in_proc(parts);
    }
    return parts[0] == "sys" ? in_sys(parts) : ProcPath{};
}

} // namespace still::mcexec
