// SPDX-License-Identifier: BSD-2-Clause
// A descriptor of mcexec's own in the table that the program sees as its own: under a number that the program
// does not meet by chance (at its soft limit, or the highest below it), and movable when the program wants
// that very number.
#pragma once

#include <atomic>

namespace still::mcexec {

class HiddenFd {
  public:
    // Takes fd over: it is closed under its old number. Keeps that number if there is no better one.
    void adopt(int fd);
    // Another descriptor takes its place; the old one is closed.
    void replace(int fd);
    // Gives the number up for another free one. False if there is none.
    [[nodiscard]] bool move_away();
    [[nodiscard]] int get() const { return fd_.load(); }
    // No descriptor below this number is hidden, or has ever been.
    [[nodiscard]] static int lowest() { return lowest_.load(std::memory_order_relaxed); }

  private:
    void set(int fd);

    std::atomic<int> fd_{-1};
    static std::atomic<int> lowest_;
};

} // namespace still::mcexec
