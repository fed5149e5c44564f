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
            // Waking takes longer than the limit may be: who only sleeps would never learn that it pays again.
            if (window_ == 0 && ++slept_ % try_again == 0) {
                window_ = limit_ / 8;
            }
        }
    }
    // One came that was hardly waited for.
    void caught()
    {
        if (window_ != limit_) [[unlikely]] {
            waited(0);
        }
    }

  private:
    uint64_t limit_;
    uint64_t window_;
    uint32_t slept_ = 0;
    static constexpr uint32_t try_again = 16;
};

} // namespace still::mcexec
