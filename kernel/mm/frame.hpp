// SPDX-License-Identifier: BSD-2-Clause
// What the allocator knows of each 4 KiB frame, and the zones that frames come in.
#pragma once

#include <base/types.hpp>
#include <boost/intrusive/list.hpp>

namespace still {

constexpr u32 max_order = 18; // 1 GiB blocks
constexpr u32 order_2m = 9;
constexpr u32 order_1g = 18;
constexpr u64 order_bytes(u32 order)
{
    return page_size << order;
}

namespace bi = boost::intrusive;
using ListHook = bi::list_base_hook<bi::link_mode<bi::normal_link>>;

// A free block is on its buddy list by its first frame; an allocated block may be chained by its owner
// (FrameChain). order is valid in both cases, state tells them apart.
// A block of the kernel's own memory says so in each of its frames: a dump may leave all others out.
// extra_owners and whole_owners: see frame_owners.hpp.
struct Frame : ListHook {
    enum class State : u8 { allocated, free, inner, kernel };
    u64 number : 48 = 0; // physical address / 4096
    u64 order : 8 = 0;
    State state = State::allocated;
    u32 extra_owners = 0;
    u32 whole_owners = 0; // in the first frame of an aligned 2 MiB block

    [[nodiscard]] PhysAddr address() const { return PhysAddr(static_cast<u64>(number) * page_size); }
};

using FrameList = bi::list<Frame, bi::constant_time_size<false>>;

// Blocks on their way to the allocator, chained without allocating anything.
using FrameChain = FrameList;

// A contiguous piece of memory with the metadata of its frames.
struct Zone {
    PhysAddr start;
    u64 count = 0; // frames
    Frame* frames = nullptr;
    NodeId node;

    [[nodiscard]] bool contains(PhysAddr a) const
    {
        return a >= start && a.raw() < start.raw() + count * page_size;
    }
    [[nodiscard]] Frame* frame(PhysAddr a) const { return &frames[(a - start) / page_size]; }
};

} // namespace still
