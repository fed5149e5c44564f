// SPDX-License-Identifier: BSD-2-Clause
#include <arch/layout.hpp>
#include <array>
#include <atomic>
#include <base/spin_lock.hpp>
#include <debug/log.hpp>
#include <debug/panic.hpp>
#include <mm/frame_allocator.hpp>
#include <mm/frame_owners.hpp>
#include <mm/frame_zones.hpp>

namespace still::frames {

namespace {

u32 num_nodes = 1;
constexpr u64 lent_step = 4 * MiB;
std::atomic<u64> kept;
bool (*lender)(u64 bytes) = nullptr;

// Of the counts of owners in an aligned 2 MiB block; blocks share locks.
std::array<SpinLock, 64> owner_locks;

SpinLock& owner_lock(PhysAddr a)
{
    return owner_locks[a.raw() / page_size_2m % owner_locks.size()];
}

// The first frame of the aligned block around a; nullptr: it is not all of one zone.
Frame* block_head(const Zone& zone, PhysAddr a)
{
    const PhysAddr head = a.align_down(page_size_2m);
    return zone.contains(head) && zone.contains(head + (page_size_2m - page_size)) ? zone.frame(head)
                                                                                   : nullptr;
}

void sort_by_distance(const still_boot_block& block, u32 node)
{
    auto& order = nodes[node].nearest;
    for (u32 i = 0; i < num_nodes; ++i)
        order[i] = static_cast<u8>(i);
    auto distance = [&](u32 to) { return to == node ? 0u : block.distance[node][to]; };
    for (u32 i = 1; i < num_nodes; ++i)
        for (u32 j = i; j > 0 && distance(order[j]) < distance(order[j - 1]); --j)
            std::swap(order[j], order[j - 1]);
}

void mark(Frame* first, u64 count, Frame::State state)
{
    for (u64 i = 0; i < count; ++i)
        first[i].state = state;
}

// A free part of a range: [from, to); the zone's metadata go to its end.
void add_zone(PhysAddr from, PhysAddr to, u32 node)
{
    const u64 count = (to - from) / page_size;
    const u64 metadata = (count * sizeof(Frame) + page_size - 1) & ~(page_size - 1);
    if (metadata + page_size > to - from)
        return; // too small to be worth it
    ZoneTable& table = zone_tables[0];
    if (table.count == table.zones.size())
        panic("memory is scattered over more than {} pieces", table.zones.size());
    Zone& zone = table.zones[table.count++];
    zone.start = from;
    zone.count = count;
    zone.node = NodeId(node);
    const PhysAddr metadata_at = to - metadata;
    clear(metadata_at, metadata);
    zone.frames = arch::direct<Frame>(metadata_at);
    mark(zone.frame(metadata_at), metadata / page_size, Frame::State::kernel);
    note_in_map(zone, metadata_at);
    Node& n = nodes[node];
    LockGuard guard(n.lock);
    n.buddy.add(zone, from, metadata_at);
}

} // namespace

void init(const still_boot_block& block, std::span<const Taken> taken)
{
    num_nodes = max(block.num_nodes, 1u);
    begin_map();
    for (u32 i = 0; i < num_nodes; ++i)
        sort_by_distance(block, i);
    for (u32 i = 0; i < block.num_ranges; ++i) {
        const still_boot_range& r = block.ranges[i];
        nodes[r.node].total += r.end - r.start;
        PhysAddr from = PhysAddr(r.start).align_up(page_size);
        const PhysAddr to = PhysAddr(r.end).align_down(page_size);
        while (from < to) {
            // The first piece in use at or behind from.
            const Taken* next = nullptr;
            for (const Taken& t : taken)
                if (t.end > from && t.start < to && (next == nullptr || t.start < next->start))
                    next = &t;
            if (next == nullptr) {
                add_zone(from, to, r.node);
                break;
            }
            if (next->start > from)
                add_zone(from, next->start, r.node);
            from = next->end.align_up(page_size);
        }
    }
}

Frame* allocate(NodeId node, u32 order)
{
    return allocate(node, order, ~0ull);
}

namespace {

Frame* take(NodeId node, u32 order, NodeSet allowed)
{
    for (u32 i = 0; i < num_nodes; ++i) {
        const u32 which = nodes[node.value].nearest[i];
        if ((allowed >> which & 1) == 0)
            continue;
        Node& n = nodes[which];
        LockGuard guard(n.lock);
        if (Frame* frame = n.buddy.allocate(order); frame != nullptr)
            return frame;
    }
    return nullptr;
}

} // namespace

Frame* allocate(NodeId node, u32 order, NodeSet allowed)
{
    Frame* frame = take(node, order, allowed);
    // A large block needs luck: all that is lent comes back then, but not for those that are hardly ever there.
    while (frame == nullptr && order <= order_2m && lender != nullptr &&
           lender(order == 0 ? lent_step : ~0ull))
        frame = take(node, order, allowed);
    return frame;
}

void set_lender(bool (*give_back)(u64 bytes))
{
    lender = give_back;
}

void count_lent(PhysAddr where, u64 more, u64 less)
{
    nodes[zone_of(where)->node.value].lent.fetch_add(more - less);
}

NodeSet nodes_with_memory()
{
    NodeSet set = 0;
    for (u32 i = 0; i < num_nodes; ++i)
        set |= nodes[i].total != 0 ? 1ull << i : 0;
    return set;
}

u32 count_nodes()
{
    return num_nodes;
}

NodeId node_of(PhysAddr a)
{
    const Zone* zone = zone_of(a);
    return zone == nullptr ? NodeId(0) : zone->node;
}

void release(Frame* frame, u32 order)
{
    Zone* zone = zone_of(frame->address());
    STILL_ASSERT(zone != nullptr && frame->state != Frame::State::free);
    Node& n = nodes[zone->node.value];
    LockGuard guard(n.lock);
    n.buddy.release(*zone, frame, order);
}

void release(FrameChain& chain)
{
    while (!chain.empty()) {
        Frame& frame = chain.front();
        chain.pop_front();
        release(&frame, frame.order);
    }
}

void share(PhysAddr start, u32 order)
{
    if (order >= order_2m) {
        for (u64 at = 0; at < order_bytes(order); at += page_size_2m) {
            LockGuard guard(owner_lock(start + at));
            owners::add_to_block(*lookup(start + at));
        }
        return;
    }
    Frame* first = lookup(start);
    LockGuard guard(owner_lock(start));
    for (u64 i = 0; i < 1ull << order; ++i)
        owners::add_to_frame(first[i]);
}

bool is_shared(PhysAddr start, u32 order)
{
    for (u64 at = 0; at < order_bytes(order); at += page_size)
        if (const Zone& zone = *zone_of(start + at);
            owners::has_others(block_head(zone, start + at), *zone.frame(start + at)))
            return true;
    return false;
}

void disown(FrameChain& unowned, PhysAddr start, u32 order)
{
    if (order >= order_2m) {
        for (u64 at = 0; at < order_bytes(order); at += page_size_2m) {
            LockGuard guard(owner_lock(start + at));
            owners::remove_from_block(*lookup(start + at), unowned);
        }
        return;
    }
    const Zone& zone = *zone_of(start);
    Frame* first = zone.frame(start);
    Frame* head = block_head(zone, start);
    LockGuard guard(owner_lock(start));
    for (u64 i = 0; i < 1ull << order; ++i) {
        if (!owners::remove_from_frame(head, first[i]))
            continue;
        first[i].order = 0;
        unowned.push_back(first[i]);
    }
}

Frame* lookup(PhysAddr a)
{
    Zone* zone = zone_of(a);
    return zone == nullptr ? nullptr : zone->frame(a);
}

u64 free_bytes(NodeId node)
{
    LockGuard guard(nodes[node.value].lock);
    return nodes[node.value].buddy.free_bytes() + nodes[node.value].lent.load();
}

u64 free_bytes()
{
    u64 sum = 0;
    for (u32 i = 0; i < num_nodes; ++i)
        sum += free_bytes(NodeId(i));
    return sum;
}

u64 total_bytes(NodeId node)
{
    return nodes[node.value].total;
}

u64 total_bytes()
{
    u64 sum = 0;
    for (u32 i = 0; i < num_nodes; ++i)
        sum += nodes[i].total;
    return sum;
}

void clear(PhysAddr start, u64 bytes)
{
    __builtin_memset(arch::direct(start), 0, bytes);
}

PhysAddr table_page()
{
    Frame* frame = allocate(NodeId(0), 0);
    if (frame == nullptr)
        return PhysAddr();
    clear(frame->address(), page_size);
    frame->state = Frame::State::kernel;
    return frame->address();
}

void* allocate_memory(NodeId node, u32 order)
{
    Frame* frame = allocate(node, order);
    if (frame == nullptr)
        return nullptr;
    clear(frame->address(), order_bytes(order));
    mark(frame, 1ull << order, Frame::State::kernel);
    return arch::direct(frame->address());
}

void release_memory(void* memory, u32 order)
{
    Frame* frame = lookup(arch::direct_to_phys(memory));
    mark(frame, 1ull << order, Frame::State::allocated);
    release(frame, order);
}

void* keep_memory(u32 order)
{
    void* memory = allocate_memory(NodeId(0), order);
    if (memory != nullptr)
        kept.fetch_add(order_bytes(order));
    return memory;
}

PhysAddr keep_table_page()
{
    const PhysAddr page = table_page();
    if (page != PhysAddr())
        kept.fetch_add(page_size);
    return page;
}

u64 kept_bytes()
{
    return kept.load();
}

} // namespace still::frames
