// SPDX-License-Identifier: BSD-2-Clause
// Time: the TSC, and Linux's clocks as the shared area has them.
#pragma once

#include <base/types.hpp>
#include <stillcore/clock_page.h>
#include <stillcore/shared.h>

namespace still {

// linux_time: nullptr when alone; the TSC then counts from boot.
void init_clock(u64 tsc_khz, const still_time* linux_time);
// Alone: what time it is now, ns since 1970.
void set_realtime(u64 ns);
[[nodiscard]] still_clock_page clock_page();
[[nodiscard]] u64 us_to_tsc(u64 us);
[[nodiscard]] u64 tsc_to_ns(u64 ticks);
[[nodiscard]] u64 monotonic_ns();
[[nodiscard]] u64 realtime_ns();
[[nodiscard]] u64 boottime_ns();
// TSC value when the monotonic clock reaches ns; the present one if that is over.
[[nodiscard]] u64 tsc_at_monotonic(u64 ns);

} // namespace still
