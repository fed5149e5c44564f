// SPDX-License-Identifier: BSD-2-Clause
// New processes: the proxy forks as its program does.
#pragma once

#include "slot_server.hpp"

#include <cstdint>

namespace still::mcexec {

struct Forked {
    bool in_child = false;
    int64_t result = 0; // in the parent: the child's process id, or -errno
};

// fork: in the child this mcexec stands for the new LWK process, whose slot 0 the calling thread has to serve, with
// signals blocked. No other thread is left there.
[[nodiscard]] Forked fork_process(const Request& request);
// vfork: returns when the child has executed another program or ended. Its process id, or -errno.
[[nodiscard]] int64_t make_guest(const Request& request);

} // namespace still::mcexec
