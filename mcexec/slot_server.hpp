// SPDX-License-Identifier: BSD-2-Clause
// The proxy's end of one slot (stillcore/slot.h): waits for requests, gives answers. Knows neither system
// calls nor ioctls, so that a host test can play the LWK against it.
#pragma once

#include "poll_window.hpp"

#include <stillcore/slot.h>

#include <atomic>
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
    [[nodiscard]] bool answer(const Request& request, int64_t result) { return answer(request.seq, result); }
    // The same in pieces, for who looks at the slot itself: waits until there is a request (false: the LWK is
    // gone), and answers the one of that number.
    [[nodiscard]] bool wait()
    {
        // A request that comes at once: nothing else is worth a look meanwhile. Not while polling does not pay.
        for (unsigned i = 0; window_.ticks() != 0 && i < quick_polls; ++i) {
            __builtin_ia32_pause();
            if (seq() != answered_) {
                window_.caught();
                return true;
            }
        }
        return wait_longer();
    }
    // Is there a request that has no answer yet?
    [[nodiscard]] bool has_request() const { return seq() != answered_; }
    [[nodiscard]] uint32_t seq() const { return load(slot_.seq, std::memory_order_acquire); }
    [[nodiscard]] const still_slot& slot() const { return slot_; }
    [[nodiscard]] Request request() const;
    [[nodiscard]] bool answer(uint32_t seq, int64_t result)
    {
        slot_.result = result;
        answered_ = seq;
        store(slot_.answer_seq, seq, std::memory_order_seq_cst);
        return load(slot_.asleep, std::memory_order_seq_cst) == 0 || wake();
    }
    // The last touch of the slot: from here on a new thread may have it.
    void retire(const Request& request);

    [[nodiscard]] uint32_t index() const { return index_; }
    [[nodiscard]] int error() const { return error_; }
    [[nodiscard]] uint64_t sleeps() const { return sleeps_; }

  private:
    static constexpr unsigned quick_polls = 50;

    // SAFETY: the slot is shared with another kernel; each field has one writer, and all access goes through
    // these. Sequentially consistent stores are XCHG on x86, so "store my flag, then load the other's" needs no
    // other fence.
    static uint32_t load(const uint32_t& field, std::memory_order order)
    {
        return std::atomic_ref<uint32_t>(const_cast<uint32_t&>(field)).load(order);
    }
    static void store(uint32_t& field, uint32_t value, std::memory_order order)
    {
        std::atomic_ref<uint32_t>(field).store(value, order);
    }
    bool wait_longer();
    bool poll(uint64_t start);
    bool sleep();
    bool wake();

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
