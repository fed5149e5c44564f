// SPDX-License-Identifier: BSD-2-Clause
#include <mm/buddy.hpp>

namespace still {

void BuddyAllocator::push(Frame* frame, u32 order)
{
    frame->order = order;
    frame->state = Frame::State::free;
    lists_[order].push_front(*frame);
    free_bytes_ += order_bytes(order);
}

void BuddyAllocator::pop(Frame* frame)
{
    lists_[frame->order].erase(lists_[frame->order].iterator_to(*frame));
    free_bytes_ -= order_bytes(frame->order);
    frame->state = Frame::State::inner;
}

void BuddyAllocator::add(const Zone& zone, PhysAddr from, PhysAddr to)
{
    for (u64 i = 0; i < zone.count; ++i)
        zone.frames[i].number = zone.start.raw() / page_size + i;
    while (from < to) {
        u32 order = max_order;
        while (!from.aligned(order_bytes(order)) || from.raw() + order_bytes(order) > to.raw())
            --order;
        push(zone.frame(from), order);
        from += order_bytes(order);
    }
}

Frame* BuddyAllocator::allocate(u32 order)
{
    u32 have = order;
    while (have <= max_order && lists_[have].empty())
        ++have;
    if (have > max_order)
        return nullptr;
    Frame* frame = &lists_[have].front();
    pop(frame);
    while (have > order) {
        --have;
        push(frame + (1ull << have), have);
    }
    frame->order = order;
    frame->state = Frame::State::allocated;
    return frame;
}

void BuddyAllocator::release(const Zone& zone, Frame* frame, u32 order)
{
    while (order < max_order) {
        const PhysAddr buddy_address(frame->address().raw() ^ order_bytes(order));
        if (!zone.contains(buddy_address))
            break;
        Frame* buddy = zone.frame(buddy_address);
        if (buddy->state != Frame::State::free || buddy->order != order)
            break;
        pop(buddy);
        if (buddy < frame) {
            frame->state = Frame::State::inner;
            frame = buddy;
        }
        ++order;
    }
    push(frame, order);
}

} // namespace still
