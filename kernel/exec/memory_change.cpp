// SPDX-License-Identifier: BSD-2-Clause
#include <arch/page_table.hpp>
#include <debug/log.hpp>
#include <exec/memory_change.hpp>
#include <mm/file_cache.hpp>
#include <mm/frame_allocator.hpp>
#include <sched/scheduler.hpp>

namespace still {

namespace {

constexpr u64 unit = order_bytes(frames::unit_order);

Status add_piece(PhysAddr start, PhysAddr end, NodeId node)
{
    if (!frames::is_of_a_zone(start)) {
        TRY_STATUS(frames::add_zone_of(start, end - start, node));
        fence(nullptr, false);
        frames::forget_last_zone();
        fence(nullptr, false); // nobody looks at the table before any more
    }
    TRY_STATUS(arch::map_memory(start, end - start));
    for (PhysAddr a = start; a < end; a += unit)
        frames::give_unit(a);
    return {};
}

} // namespace

Status add_memory(PhysAddr start, u64 bytes, NodeId node)
{
    if (!start.aligned(unit) || bytes == 0 || bytes % unit != 0 || node.value >= frames::count_nodes())
        return fail(Errno::inval);
    const PhysAddr end = start + bytes;
    // What was here before has its zone; pieces of the same kind go together.
    for (PhysAddr at = start; at < end;) {
        PhysAddr to = at + unit;
        while (to < end && frames::is_of_a_zone(to) == frames::is_of_a_zone(at))
            to += unit;
        TRY_STATUS(add_piece(at, to, node));
        at = to;
    }
    log("{} MiB of memory at {:x} have come to node {}", bytes / MiB, start, node);
    return {};
}

Result<u64> remove_memory(NodeId node, u64 bytes, u64* list, u64* left)
{
    if (bytes == 0 || bytes % unit != 0 || node.value >= frames::count_nodes())
        return fail(Errno::inval);
    file_cache::drop();
    u64 count = 0;
    for (; count < bytes / unit; ++count) {
        const PhysAddr taken = frames::take_unit(node);
        if (taken == PhysAddr() || !arch::unmap_memory(taken, unit)) {
            if (taken != PhysAddr())
                frames::give_unit(taken);
            break;
        }
        list[count] = taken.raw();
    }
    if (count == bytes / unit) {
        flush_kernel_translations();
        log("{} MiB of memory have gone from node {}", bytes / MiB, node);
        return count;
    }
    *left = count * unit;
    while (count-- != 0) {
        const PhysAddr back(list[count]);
        // The tables are there still.
        if (const Status mapped = arch::map_memory(back, unit); mapped)
            frames::give_unit(back);
    }
    return fail(Errno::busy);
}

} // namespace still
