// SPDX-License-Identifier: BSD-2-Clause
// A process's page tables (4 levels, SDM vol. 3, 4.5). Leaf entries are shared with the Linux module
// (stillcore/pte.h): they are changed by atomic exchange only. The caller holds the address space's lock.
#pragma once

#include <atomic>
#include <base/result.hpp>
#include <base/types.hpp>
#include <stillcore/pte.h>

namespace still::arch {

constexpr u32 level_4k = 0;
constexpr u32 level_2m = 1;
constexpr u32 level_1g = 2;
constexpr u64 level_bytes(u32 level)
{
    return page_size << (9 * level);
}

using Entry = std::atomic<u64>;

constexpr bool is_present(u64 e)
{
    return (e & STILL_PTE_PRESENT) != 0;
}
constexpr PhysAddr leaf_frame(u64 e, u32 level)
{
    return PhysAddr(e & STILL_PTE_ADDRESS & ~(level_bytes(level) - 1));
}

// One leaf: present, departing or empty.
struct Leaf {
    Entry* entry;
    UserAddr start; // of what the leaf maps
    u32 level;
};

// User leaf bits for a protection; a page that nobody may read is not present at all.
[[nodiscard]] u64 leaf_bits(u8 prot, u32 level, u8 key = 0);
[[nodiscard]] bool has_1g_pages();

// Where table pages come from and go to.
struct TablePages {
    PhysAddr (*allocate)(void* context); // a zeroed page, or address 0
    // The page is out of the tree, empty, but a walker or a CPU may still look at it.
    void (*retire)(void* context, PhysAddr page);
    void* context;
};

class PageTable {
  public:
    explicit PageTable(TablePages pages) : pages_(pages) {}
    // Makes the root, with the kernel's half filled in.
    Status create();
    [[nodiscard]] PhysAddr root() const { return root_; }

    // The leaf that covers a, or the empty entry where one of at most that level would go;
    // entry is nullptr if a table is missing.
    [[nodiscard]] Leaf find(UserAddr a) const;
    // Makes tables down to level; fails with exist if something other than empty tables is in the way.
    // Empty tables that a large leaf replaces are retired.
    Result<Leaf> prepare(UserAddr a, u32 level);
    // Splits large leaves that straddle a, so that a is a leaf boundary.
    Status split_at(UserAddr a);
    // Splits this large leaf into the next smaller size.
    Status split(Leaf leaf);
    // Calls visit(Leaf) for each non-empty leaf in the range, ascending.
    template <class Visit> void for_each(UserRange range, Visit&& visit) const
    {
        for (UserAddr a = range.start; a < range.end;) {
            Leaf leaf = find(a);
            const u64 step = level_bytes(leaf.level);
            if (leaf.entry == nullptr) {
                a = a.align_down(step) + step;
                continue;
            }
            // On through its table, to its end or to an entry that leads to another.
            const UserAddr last = min(range.end, leaf.start.align_down(512 * step) + 512 * step);
            Entry* const first = leaf.entry;
            Entry* const end = first + (last - leaf.start + step - 1) / step;
            Entry* at = first;
            for (; at != end; ++at) {
                const u64 e = at->load(std::memory_order_relaxed);
                if (e == 0)
                    continue;
                if (leaf.level != level_4k && (e & STILL_PTE_LARGE) == 0)
                    break;
                visit(Leaf{at, leaf.start + static_cast<u64>(at - first) * step, leaf.level});
            }
            a = leaf.start + static_cast<u64>(at - first) * step;
        }
    }
    // Retires all table pages of the user's half and the root. No leaf is looked at.
    void dismantle();

  private:
    [[nodiscard]] Result<Entry*> descend(Entry& entry);
    [[nodiscard]] bool retire_if_empty(Entry& entry, u32 level);

    TablePages pages_;
    PhysAddr root_;
};

// Top-level tables with slots (mm/address_space_peers.cpp). A copy of all entries:
void copy_top(PhysAddr to, PhysAddr from);
// An entry of the user's half; address 0: none.
void set_top_entry(PhysAddr root, u32 index, PhysAddr table, bool writable);
[[nodiscard]] PhysAddr first_table(PhysAddr root);

// Kernel mappings, shared by all address spaces.
// From now on tables come from there: a zeroed page, or address 0.
// The instance's own memory that comes and goes: [start, start + bytes), multiples of 2 MiB. After unmap_memory() CPUs
// still have its translations.
Status map_memory(PhysAddr start, u64 bytes);
Status unmap_memory(PhysAddr start, u64 bytes);
void set_table_source(PhysAddr (*source)());
Status map_lent(PhysAddr start, u64 bytes, bool device = false); // into the direct map; page aligned
void unmap_lent(PhysAddr start, u64 bytes);                      // the caller flushes all CPUs' kernel TLB
void switch_root(PhysAddr root);
[[nodiscard]] PhysAddr kernel_root();
// What a CPU without a process loads: that, or with five levels the table above it.
[[nodiscard]] PhysAddr kernel_top();
[[nodiscard]] bool five_levels();
// A top-level table for them: the kernel, and a process's own tables.
void fill_top(PhysAddr to, PhysAddr own);

} // namespace still::arch
