// SPDX-License-Identifier: BSD-2-Clause
// The program must not meet a descriptor of mcexec's own: what a system call that names it does instead.
// Pure.
#pragma once

#include <array>
#include <cstdint>

namespace still::mcexec {

enum class FdAction {
    execute,     // the descriptor is not concerned
    bad,         // as on a closed descriptor: EBADF
    move_away,   // dup2/dup3 onto it: give the number up first
    split_range, // close_range over it
};

// Whether mcexec has anything to do with a call of Linux's but to make it.
enum class QuickCall : uint8_t {
    no,
    yes,
    // Its first argument, and no other, is a descriptor: nothing to do below HiddenFd::lowest().
    unless_hidden,
    // Likewise, and the third says how many bytes shall be transferred: all, if it waits for that (rest.hpp).
    bytes,
    // Likewise, but it is not as simple to see how much that is.
    all,
};
inline constexpr uint32_t num_linux_calls = 512;
extern const std::array<QuickCall, num_linux_calls> quick_calls;

[[nodiscard]] FdAction guard_descriptor(uint32_t nr, const uint64_t (&arg)[6], int hidden_fd);

} // namespace still::mcexec
