// SPDX-License-Identifier: BSD-2-Clause
#include <mm/frame_owners.hpp>

namespace still::owners {

namespace {

u32 load(const u32& count)
{
    return __atomic_load_n(&count, __ATOMIC_ACQUIRE);
}

void change(u32& count, u32 by)
{
    __atomic_store_n(&count, count + by, __ATOMIC_RELEASE);
}

constexpr u32 minus_one = ~0u;

// The other way to say the same. A reader looks at the block first, so at no moment does it see too few.
void spread(Frame& head)
{
    for (u64 i = 0; i < frames_per_block; ++i)
        change((&head)[i].extra_owners, 1);
    change(head.whole_owners, minus_one);
}

} // namespace

bool has_others(const Frame* head, const Frame& frame)
{
    return (head != nullptr && load(head->whole_owners) != 0) || load(frame.extra_owners) != 0;
}

void add_to_block(Frame& head)
{
    change(head.whole_owners, 1);
}

void add_to_frame(Frame& frame)
{
    change(frame.extra_owners, 1);
}

bool remove_from_frame(Frame* head, Frame& frame)
{
    if (frame.extra_owners == 0) {
        if (head == nullptr || head->whole_owners == 0)
            return true;
        spread(*head);
    }
    change(frame.extra_owners, minus_one);
    return false;
}

void remove_from_block(Frame& head, FrameChain& unowned)
{
    if (head.whole_owners != 0) {
        change(head.whole_owners, minus_one);
        return;
    }
    Frame* const frames = &head;
    u64 shared = 0;
    for (u64 i = 0; i < frames_per_block; ++i)
        shared += frames[i].extra_owners != 0;
    if (shared == 0) {
        head.order = order_2m;
        unowned.push_back(head);
        return;
    }
    for (u64 i = 0; i < frames_per_block; ++i) {
        if (frames[i].extra_owners != 0) {
            change(frames[i].extra_owners, minus_one);
            continue;
        }
        frames[i].order = 0;
        unowned.push_back(frames[i]);
    }
}

} // namespace still::owners
