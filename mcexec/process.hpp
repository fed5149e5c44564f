// SPDX-License-Identifier: BSD-2-Clause
// What all of mcexec's threads share: the one LWK process that this mcexec stands for.
#pragma once

#include "device.hpp"
#include "options.hpp"
#include "pinning.hpp"
#include "signal_relay.hpp"
#include "stats.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace still::mcexec {

inline constexpr int exit_lwk_gone = 70; // EX_SOFTWARE
inline constexpr int exit_failed = 125;  // mcexec itself could not do it, as env(1) and chroot(1) say it

// Where the program's arguments and environment were put, in its own memory.
struct ProgramStrings {
    uint64_t arg_start = 0;
    uint64_t arg_end = 0;
    uint64_t env_start = 0;
    uint64_t env_end = 0;
};

struct Process {
    ProcessDevice device;
    AddressMap address_map;
    Stats stats;
    HiddenFd stats_output; // with --stats: stderr, which many programs close before they end
    Options options;
    SignalState signals;          // what mcexec was started with
    std::vector<still_range> app; // the program's addresses
    int member = 0;               // the process that has options.peer_rank; what it forks has none
    uint32_t peers_shift = 0;     // of that
    uint64_t tsc_khz = 0;
    uint64_t poll_limit = 0; // TSC ticks
    ProgramStrings strings;
};

extern Process process;

// Is that number a descriptor of mcexec's own?
[[nodiscard]] inline bool is_hidden(int fd)
{
    return fd >= 0 && (fd == process.device.descriptor().get() || fd == process.stats_output.get());
}

// Says so once and ends the program. Async-signal-safe.
[[noreturn]] void die_lwk_gone();
// "mcexec: " and text on stderr, without stdio: the program may have closed or redirected anything.
void say(const char* text);

} // namespace still::mcexec
