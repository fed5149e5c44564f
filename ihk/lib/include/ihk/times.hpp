// SPDX-License-Identifier: BSD-2-Clause
// How long a CPU of the LWK has worked and idled since it was booted.
#pragma once

#include "ihk/device.hpp"

namespace still::ihk {

struct Times {
    double busy; // seconds
    double idle;
};

// A running stretch is not in the totals yet.
inline Times times_of(const still_cpu_counters& counters, const still_status& status)
{
    uint64_t busy = counters.busy_tsc;
    uint64_t idle = counters.idle_tsc;
    const uint64_t stretch = status.tsc_now > counters.since_tsc ? status.tsc_now - counters.since_tsc : 0;
    if (counters.mode == STILL_CPU_BUSY) {
        busy += stretch;
    } else if (counters.mode == STILL_CPU_IDLE) {
        idle += stretch;
    }
    const double hz = status.tsc_khz != 0 ? static_cast<double>(status.tsc_khz) * 1000.0 : 1e9;
    return {static_cast<double>(busy) / hz, static_cast<double>(idle) / hz};
}

} // namespace still::ihk
