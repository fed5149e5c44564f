// SPDX-License-Identifier: BSD-2-Clause
// How long a proxy polls before it sleeps: adapts between 0 and a limit, in TSC ticks. Pure.
#pragma once

#include <algorithm>
#include <cstdint>

namespace still::mcexec {

class PollWindow {
  public:
    explicit PollWindow(uint64_t limit = 0) : limit_(limit), window_(limit) {}

    [[nodiscard]] uint64_t ticks() const { return window_; }

    // A request came after this many ticks of waiting, polled or asleep. Had polling been long enough to
    // catch it, it pays to poll; otherwise each poll takes time from whoever shares the CPU.
    void waited(uint64_t ticks)
    {
        if (ticks <= limit_) {
            window_ = std::min(limit_, std::max(window_ * 2, limit_ / 8));
        } else {
            window_ = window_ / 2 < limit_ / 64 ? 0 : window_ / 2;
        }
    }

  private:
    uint64_t limit_;
    uint64_t window_;
};

} // namespace still::mcexec
