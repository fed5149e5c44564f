// SPDX-License-Identifier: BSD-2-Clause
// The program's execve: mcexec executes itself on the new program, so that Linux does on its side what exec
// means there (close-on-exec, other threads, timers), and the LWK process ends with the device's file.
#pragma once

#include "signal_relay.hpp"
#include "slot_server.hpp"

#include <cstdint>

namespace still::mcexec {

// Returns only with an error, -errno.
[[nodiscard]] int64_t execute_anew(const Request& request, const ExecState& inherited);

} // namespace still::mcexec
