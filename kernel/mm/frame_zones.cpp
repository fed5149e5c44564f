// SPDX-License-Identifier: BSD-2-Clause
// Zones: found, told to dumps, and added and emptied while the instance runs.
#include <arch/layout.hpp>
#include <mm/frame_zones.hpp>

namespace still::frames {

namespace {
still_page_map map;
} // namespace

std::array<Node, STILL_MAX_NODES> nodes;
std::array<ZoneTable, 2> zone_tables;
std::atomic<ZoneTable*> current_zones{&zone_tables[0]};
std::atomic<Zone*> last_zone{nullptr};

void begin_map()
{
    map.magic = STILL_MAGIC;
    map.record_bytes = sizeof(Frame);
    const Frame sample;
    map.state_offset =
        static_cast<u32>(reinterpret_cast<u64>(&sample.state) - reinterpret_cast<u64>(&sample));
    map.kernel_state = static_cast<u32>(Frame::State::kernel);
}

void note_in_map(const Zone& zone, PhysAddr frames)
{
    map.zones[map.num_zones] = {zone.start.raw(), zone.count, frames.raw()};
    __atomic_store_n(&map.num_zones, map.num_zones + 1, __ATOMIC_RELEASE);
}

const still_page_map* page_map()
{
    return &map;
}

bool is_of_a_zone(PhysAddr unit)
{
    return zone_of(unit) != nullptr;
}

Status add_zone_of(PhysAddr start, u64 bytes, NodeId node)
{
    const u64 count = bytes / page_size;
    ZoneTable& old = *current_zones.load();
    if (old.count == old.zones.size())
        return fail(Errno::nospc);
    u32 order = 0;
    while (order_bytes(order) < count * sizeof(Frame))
        ++order;
    void* records = keep_memory(order);
    if (records == nullptr)
        return fail(Errno::nomem);
    Zone zone;
    zone.start = start;
    zone.count = count;
    zone.node = node;
    zone.frames = static_cast<Frame*>(records);
    for (u64 i = 0; i < count; ++i) {
        zone.frames[i].number = start.raw() / page_size + i;
        zone.frames[i].state = Frame::State::inner;
    }
    ZoneTable& fresh = &old == &zone_tables[0] ? zone_tables[1] : zone_tables[0];
    u32 at = 0;
    for (u32 i = 0; i < old.count; ++i) {
        if (at == i && start < old.zones[i].start)
            fresh.zones[at++] = zone;
        fresh.zones[at++] = old.zones[i];
    }
    if (at == old.count)
        fresh.zones[at++] = zone;
    fresh.count = at;
    current_zones.store(&fresh, std::memory_order_release);
    note_in_map(zone, arch::direct_to_phys(records));
    return {};
}

void forget_last_zone()
{
    last_zone.store(nullptr);
}

void give_unit(PhysAddr unit)
{
    Zone* zone = zone_of(unit);
    Node& n = nodes[zone->node.value];
    Frame* frame = zone->frame(unit);
    frame->state = Frame::State::allocated;
    LockGuard guard(n.lock);
    n.buddy.release(*zone, frame, unit_order);
    n.total += order_bytes(unit_order);
}

PhysAddr take_unit(NodeId node)
{
    Node& n = nodes[node.value];
    LockGuard guard(n.lock);
    Frame* frame = n.buddy.allocate(unit_order);
    if (frame == nullptr)
        return PhysAddr();
    n.total -= order_bytes(unit_order);
    return frame->address();
}

} // namespace still::frames
