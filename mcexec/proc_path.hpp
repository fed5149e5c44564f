// SPDX-License-Identifier: BSD-2-Clause
// Which names of files mean the program itself or its machine, so that Linux's own answer would be mcexec's or
// the whole machine's. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace still::mcexec {

enum class ProcFile {
    none,
    // of a process, see ProcPath::pid
    maps,
    smaps,
    smaps_rollup,
    stat,
    statm,
    status,
    limits,
    cmdline,
    environ,
    descriptor, // fd/N and fdinfo/N: ProcPath::number
    // of the machine
    cpuinfo,
    meminfo,
    machine_stat,
    node_meminfo, // ProcPath::number: the node
    tree,         // below /sys: ProcPath::rest
};

struct ProcPath {
    ProcFile file = ProcFile::none;
    uint32_t pid = 0; // 0: the program itself
    uint32_t tid = 0; // a thread's own file: task/TID/, or thread-self (any_thread)
    uint32_t number = 0;
    std::string rest; // what replaces the path, relative to the instance's tree

    bool operator==(const ProcPath&) const = default;
};

inline constexpr uint32_t any_thread = ~0u;

// The first look, at a path's first eight bytes; what follows its NUL does not matter: can it be one of ours?
[[nodiscard]] bool may_be_special(const char (&head)[8]);
// Likewise for a whole relative path: it can, if the folder that it starts from is /, /proc or below /sys.
[[nodiscard]] bool may_be_special_below(std::string_view relative);
// path: absolute. "//", "." and ".." are resolved by their letters.
[[nodiscard]] ProcPath recognise(std::string_view path);

} // namespace still::mcexec
