// SPDX-License-Identifier: BSD-2-Clause
// The battery's clock, which says what time it was when the machine came up.
#pragma once

#include <base/types.hpp>

namespace still::arch {

// Seconds since 1970, UTC; 0: it gives none.
[[nodiscard]] u64 read_rtc();

} // namespace still::arch
