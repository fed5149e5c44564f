// SPDX-License-Identifier: BSD-2-Clause
// A binary buddy allocator over the zones of one node (Knuth, TAOCP 1, 2.5). Pure: it touches only the
// frame metadata. The caller serialises. An allocated block may be freed in smaller aligned pieces.
#pragma once

#include <array>
#include <mm/frame.hpp>

namespace still {

class BuddyAllocator {
  public:
    // Gives [from, to) of the zone to the allocator; its metadata must be zero and stays the zone's.
    void add(const Zone& zone, PhysAddr from, PhysAddr to);
    // First frame of a block of 2^order frames aligned to its size, or nullptr.
    [[nodiscard]] Frame* allocate(u32 order);
    // frame: of zone, allocated, aligned to 2^order.
    void release(const Zone& zone, Frame* frame, u32 order);
    [[nodiscard]] u64 free_bytes() const { return free_bytes_; }

  private:
    void push(Frame* frame, u32 order);
    void pop(Frame* frame);

    std::array<FrameList, max_order + 1> lists_;
    u64 free_bytes_ = 0;
};

} // namespace still
