// SPDX-License-Identifier: BSD-2-Clause
// Calls that name files of the program or of its machine (/proc/self/maps, /proc/cpuinfo, /sys/devices/system):
// the program is shown itself and the LWK, not mcexec and Linux's machine.
#pragma once

#include "signal_relay.hpp"

#include <cstdint>
#include <optional>

namespace still::mcexec {

// Nothing: the call goes to Linux as it is.
[[nodiscard]] std::optional<int64_t> serve_special_file(const Request& request);
// After a getdents call with that result: takes mcexec's own descriptors out of a listing of /proc/self/fd.
// Nothing: none of the program's was among the entries, so the call must be made again.
[[nodiscard]] std::optional<int64_t> hide_descriptors(const Request& request, int64_t result);

} // namespace still::mcexec
