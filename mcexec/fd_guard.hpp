// SPDX-License-Identifier: BSD-2-Clause
// The program must not meet a descriptor of mcexec's own: what a system call that names it does instead.
// Pure.
#pragma once

#include <cstdint>

namespace still::mcexec {

enum class FdAction {
    execute,     // the descriptor is not concerned
    bad,         // as on a closed descriptor: EBADF
    move_away,   // dup2/dup3 onto it: give the number up first
    split_range, // close_range over it
};

[[nodiscard]] FdAction guard_descriptor(uint32_t nr, const uint64_t (&arg)[6], int hidden_fd);

} // namespace still::mcexec
