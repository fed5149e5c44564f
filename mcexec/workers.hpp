// SPDX-License-Identifier: BSD-2-Clause
// Proxy threads: one for each LWK thread.
#pragma once

#include <cstdint>

namespace still::mcexec {

// Starts a proxy thread on that slot. Its thread id once it has attached, or -errno.
[[nodiscard]] int64_t start_worker(uint32_t slot, uint64_t own);

} // namespace still::mcexec
