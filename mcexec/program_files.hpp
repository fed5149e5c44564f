// SPDX-License-Identifier: BSD-2-Clause
// Calls that name files of the program or of its machine (/proc/self/maps, /proc/cpuinfo, /sys/devices/system):
// the program is shown itself and the LWK, not mcexec and Linux's machine.
#pragma once

#include "signal_relay.hpp"

#include <cstdint>
#include <optional>
#include <sys/syscall.h>

namespace still::mcexec {

// Where a call has its path, and the folder that a relative one starts from.
struct PathCall {
    uint8_t path;
    int8_t folder; // -1: the working directory
};

constexpr std::optional<PathCall> path_call(uint32_t nr)
{
    switch (nr) {
    case SYS_open:
    case SYS_stat:
    case SYS_lstat:
    case SYS_access:
    case SYS_chdir:
    case SYS_readlink:
    case SYS_statfs:
        return PathCall{0, -1};
    case SYS_openat:
    case SYS_openat2:
    case SYS_newfstatat:
    case SYS_faccessat:
    case SYS_faccessat2:
    case SYS_readlinkat:
    case SYS_statx:
        return PathCall{1, 0};
    default:
        return std::nullopt;
    }
}

// Nothing: the call goes to Linux as it is.
[[nodiscard]] std::optional<int64_t> serve_special_file(const Request& request);
// After a getdents call with that result: takes mcexec's own descriptors out of a listing of /proc/self/fd, and out of
// one of /proc/self/task proxy threads that wait for a new thread of the program's.
// Nothing: none of the program's was among the entries, so the call must be made again.
[[nodiscard]] std::optional<int64_t> hide_entries(const Request& request, int64_t result);

} // namespace still::mcexec
