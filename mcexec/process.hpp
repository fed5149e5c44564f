// SPDX-License-Identifier: BSD-2-Clause
// What all of mcexec's threads share: the one LWK process that this mcexec stands for.
#pragma once

#include "device.hpp"
#include "options.hpp"
#include "signal_relay.hpp"
#include "stats.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace still::mcexec {

inline constexpr int exit_lwk_gone = 70; // EX_SOFTWARE
inline constexpr int exit_failed = 125;  // mcexec itself could not do it, as env(1) and chroot(1) say it

struct Process {
    ProcessDevice device;
    Stats stats;
    HiddenFd stats_output; // with --stats: stderr, which many programs close before they end
    Options options;
    SignalState signals;          // what mcexec was started with
    still_limit limits[3] = {};   // likewise: AS, DATA, MEMLOCK
    std::vector<still_range> app; // the program's addresses
    uint64_t tsc_khz = 0;
    uint64_t poll_limit = 0; // TSC ticks
    std::string program;     // the path that is executed, for /proc/self/exe
};

extern Process process;

// Says so once and ends the program. Async-signal-safe.
[[noreturn]] void die_lwk_gone();
// "mcexec: " and text on stderr, without stdio: the program may have closed or redirected anything.
void say(const char* text);

} // namespace still::mcexec
