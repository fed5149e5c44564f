// SPDX-License-Identifier: BSD-2-Clause
// Memory that goes elsewhere: to a child, to other addresses, to another node.
#include <arch/cpu.hpp>
#include <arch/layout.hpp>
#include <exec/user_memory.hpp>
#include <mm/frame_allocator.hpp>
#include <sched/clock.hpp>

namespace still {

Status fork_memory(Process& parent, Process& child)
{
    // The module asks again much sooner, unless the asker was killed.
    constexpr u64 patience_us = 100'000;
    Departure left;
    Status begun = parent.space.begin_fork(child.space, arch::read_tsc() + us_to_tsc(patience_us), left);
    // Not waited for here: what is under way may wait for an mmap_lock of Linux's, whose holder waits for a page of
    // this process, and the thread that we are on would have to serve that.
    if (!begun && begun.error() == Errno::again)
        return begun;
    if (left.flush)
        shoot_down(parent.space);
    while (left.zap && ask_zap(parent, left.range, STILL_ZAP_MARK) != 0) {
        const auto split = parent.space.split_pinned(left.range);
        if (split && *split)
            continue;
        if (!split && begun)
            begun = fail(split.error());
        break;
    }
    const Status ended = parent.space.end_fork(child.space, left);
    return begun ? ended : begun;
}

Status move_range(Process& p, UserRange from, const MapRequest& target, bool keep)
{
    Departure left;
    TRY_STATUS(begin_when_settled([&] { return p.space.begin_move(from, target, left); }));
    if (left.flush)
        shoot_down(p.space);
    if (left.zap) // what is pinned moves like the rest: the frame stays what it is
        (void)ask_zap(p, left.range, STILL_ZAP_COUNT);
    p.space.end_move(target, keep, left);
    return {};
}

Status relocate(Process& p, UserAddr a, NodeId node)
{
    Departure left;
    AddressSpace::Relocation page{};
    if (!TRY(begin_when_settled([&] { return p.space.begin_relocate(a, node, page, left); })))
        return {};
    Frame* copy = frames::allocate(node, page.order, 1ull << node.value);
    if (left.flush)
        shoot_down(p.space);
    const bool pinned = left.zap && ask_zap(p, left.range, STILL_ZAP_COUNT) != 0;
    if (copy == nullptr || pinned) {
        p.space.end_relocate(page, nullptr, left);
        if (copy != nullptr)
            frames::release(copy, page.order);
        return fail(pinned ? Errno::busy : Errno::nomem);
    }
    __builtin_memcpy(arch::direct(copy->address()), arch::direct(page.frame), order_bytes(page.order));
    p.space.end_relocate(page, copy, left);
    return {};
}

} // namespace still
