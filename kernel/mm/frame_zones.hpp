// SPDX-License-Identifier: BSD-2-Clause
// The inside of the frame allocator: nodes, and the zones that frames lie in.
#pragma once

#include <array>
#include <atomic>
#include <base/spin_lock.hpp>
#include <mm/buddy.hpp>
#include <mm/frame_allocator.hpp>

namespace still::frames {

struct Node {
    SpinLock lock;
    BuddyAllocator buddy GUARDED_BY(lock);
    u64 total = 0;
    std::atomic<u64> lent{0};                  // of what is not in the buddy, but free all the same
    std::array<u8, STILL_MAX_NODES> nearest{}; // nodes by distance, itself first
};

extern std::array<Node, STILL_MAX_NODES> nodes;

// Ascending. Readers take no lock: a change is made in the other table, and again only when none can be in the old.
struct ZoneTable {
    u32 count = 0;
    std::array<Zone, STILL_MAX_RANGES> zones;
};
extern std::array<ZoneTable, 2> zone_tables; // the first while the kernel boots
extern std::atomic<ZoneTable*> current_zones;
// Most look-ups are for the zone of the one before.
extern std::atomic<Zone*> last_zone;

[[nodiscard]] inline Zone* zone_of(PhysAddr a)
{
    if (Zone* last = last_zone.load(std::memory_order_relaxed); last != nullptr && last->contains(a))
        return last;
    ZoneTable& table = *current_zones.load(std::memory_order_acquire);
    u32 low = 0;
    u32 high = table.count;
    while (low < high) {
        const u32 mid = (low + high) / 2;
        if (table.zones[mid].start <= a)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == 0 || !table.zones[low - 1].contains(a))
        return nullptr;
    last_zone.store(&table.zones[low - 1], std::memory_order_relaxed);
    return &table.zones[low - 1];
}

// The map of pages that dumps read.
void begin_map();
void note_in_map(const Zone& zone, PhysAddr frames);

} // namespace still::frames
