// SPDX-License-Identifier: BSD-2-Clause
// What is special about calls that wait and are interrupted.
#pragma once

#include "slot_server.hpp"

#include <ctime>

namespace still::mcexec {

// Did Linux count the time of this call, which was interrupted? It then ends with EINTR whatever SA_RESTART says.
[[nodiscard]] bool socket_has_timeout(const Request& request);
// Waits until such a call, of whose timeout that much is over, has something to do: 0; or EAGAIN, EINTR.
[[nodiscard]] int64_t await_socket(const Request& request, uint64_t waited_ns);
// Does Linux end this call with EINTR after a stop and a continuation (signal(7))?
[[nodiscard]] bool ends_after_stop(const Request& request);
// STILL_CALL_SELECT_NOW
[[nodiscard]] int64_t select_now(const Request& request);
[[nodiscard]] timespec to_timespec(uint64_t ns);

} // namespace still::mcexec
