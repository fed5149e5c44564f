// SPDX-License-Identifier: BSD-2-Clause
// The proxy's end of one slot (stillcore/slot.h): waits for requests, gives answers. Knows neither system
// calls nor ioctls, so that a host test can play the LWK against it.
#pragma once

#include "poll_window.hpp"

#include <stillcore/slot.h>

#include <cstdint>
#include <optional>

namespace still::mcexec {

// The two ioctls of the sleeping path. 0 or -errno.
class SlotKernel {
  public:
    virtual ~SlotKernel() = default;
    virtual int wait(uint32_t slot, uint32_t seen) = 0;
    virtual int wake(uint32_t slot) = 0;
};

struct Request {
    uint32_t seq;
    uint32_t nr;
    uint64_t arg[6];
};

class SlotServer {
  public:
    SlotServer(still_slot& slot, uint32_t index, SlotKernel& kernel, PollWindow window);

    // The next request, or nothing when the LWK is gone; error() says by which errno.
    [[nodiscard]] std::optional<Request> next();
    [[nodiscard]] bool answer(const Request& request, int64_t result);
    // The last touch of the slot: from here on a new thread may have it.
    void retire(const Request& request);

    [[nodiscard]] uint32_t index() const { return index_; }
    [[nodiscard]] int error() const { return error_; }
    [[nodiscard]] uint64_t sleeps() const { return sleeps_; }

  private:
    bool poll(uint64_t start);
    bool sleep();
    uint32_t seq() const;

    still_slot& slot_;
    SlotKernel& kernel_;
    PollWindow window_;
    uint32_t index_;
    uint32_t answered_;
    int error_ = 0;
    uint64_t sleeps_ = 0;
};

[[nodiscard]] inline uint64_t read_tsc()
{
    return __builtin_ia32_rdtsc();
}

} // namespace still::mcexec
