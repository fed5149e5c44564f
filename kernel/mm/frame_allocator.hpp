// SPDX-License-Identifier: BSD-2-Clause
// All physical memory of the instance: a buddy allocator for each NUMA node.
#pragma once

#include <base/result.hpp>
#include <mm/frame.hpp>
#include <mm/policy.hpp>
#include <span>
#include <stillcore/boot_block.h>
#include <stillcore/dump.h>

namespace still::frames {

struct Taken {
    PhysAddr start;
    PhysAddr end;
};

// Builds the metadata inside the memory itself. taken: parts in use already, at most one range end each.
void init(const still_boot_block& block, std::span<const Taken> taken);
// A block of 2^order frames, from that node if it has one, else from the nearest that does. nullptr: none.
// The contents are undefined.
[[nodiscard]] Frame* allocate(NodeId node, u32 order);
// Likewise from the nodes of a set only, by their distance from node.
[[nodiscard]] Frame* allocate(NodeId node, u32 order, NodeSet allowed);
[[nodiscard]] NodeSet nodes_with_memory();
[[nodiscard]] u32 count_nodes();
[[nodiscard]] NodeId node_of(PhysAddr a);
void release(Frame* frame, u32 order);
void release(FrameChain& chain); // each block by its own order; empties the chain
// Frames that several address spaces map, after a fork. share: one owner more for each frame of the block.
void share(PhysAddr start, u32 order);
// One owner fewer; frames that have no other are chained, to be released.
void disown(FrameChain& unowned, PhysAddr start, u32 order);
[[nodiscard]] bool is_shared(PhysAddr start, u32 order);
// Of an address in the instance's memory; nullptr for any other.
[[nodiscard]] Frame* lookup(PhysAddr a);
// Memory that is lent (to the cache of files) counts as free: when an allocation fails the lender is asked to give
// that much back, in any context that allocates. false: it has nothing.
void set_lender(bool (*give_back)(u64 bytes));
void count_lent(PhysAddr where, u64 more, u64 less);
[[nodiscard]] u64 free_bytes();
[[nodiscard]] u64 free_bytes(NodeId node);
[[nodiscard]] u64 total_bytes(NodeId node);
[[nodiscard]] u64 total_bytes();

void clear(PhysAddr start, u64 bytes);
// A zeroed page for a page table, from any node; address 0 if there is none.
[[nodiscard]] PhysAddr table_page();
// Kernel virtual address of a zeroed block, or nullptr. For stacks and long-lived objects.
[[nodiscard]] void* allocate_memory(NodeId node, u32 order);
void release_memory(void* memory, u32 order);
// The same two for what never comes back: counted, so that the books of memory are exact to the page.
[[nodiscard]] void* keep_memory(u32 order);
[[nodiscard]] PhysAddr keep_table_page();
[[nodiscard]] u64 kept_bytes();
// Memory that comes and goes while the instance runs, one change at a time, in units of 4 MiB that are aligned to
// their size. Units that went stay in their zone, with their records, and may come back.
constexpr u32 unit_order = 10;
[[nodiscard]] bool is_of_a_zone(PhysAddr unit);
// Records for a new piece, which overlaps no zone; its units are yet to be given. Before the next one all CPUs must
// have left what they did with frames, then forget_last_zone(), then all CPUs again: some may be in the old table.
Status add_zone_of(PhysAddr start, u64 bytes, NodeId node);
void forget_last_zone();
void give_unit(PhysAddr unit);
[[nodiscard]] PhysAddr take_unit(NodeId node); // a free one of that node, 0: there is none
// Which pages are the kernel's, for dumps.
[[nodiscard]] const still_page_map* page_map();

} // namespace still::frames
