// SPDX-License-Identifier: BSD-2-Clause
#include <arch/cpu.hpp>
#include <arch/layout.hpp>
#include <arch/page_table.hpp>
#include <base/prot.hpp>

namespace still::arch {

namespace {

constexpr u64 table_bits = STILL_PTE_PRESENT | STILL_PTE_WRITE | STILL_PTE_USER | STILL_PTE_ACCESSED;
constexpr u32 entries = 512;

bool is_table(u64 e)
{
    return (e & (STILL_PTE_PRESENT | STILL_PTE_LARGE)) == STILL_PTE_PRESENT;
}

Entry* table_at(PhysAddr a)
{
    return direct<Entry>(a);
}

u32 index_of(UserAddr a, u32 level)
{
    return static_cast<u32>(a.raw() >> (12 + 9 * level)) & (entries - 1);
}

} // namespace

bool has_1g_pages()
{
    return (cpuid(0x80000001).d & 1u << 26) != 0;
}

u64 leaf_bits(u8 prot, u32 level, u8 key)
{
    constexpr u32 key_shift = 59; // bits that the CPU ignores unless CR4.PKE is set
    // Accessed and dirty are set from the start: the CPU need not write them, and nobody reads them.
    u64 bits = STILL_PTE_USER | STILL_PTE_ACCESSED | STILL_PTE_DIRTY | static_cast<u64>(key) << key_shift;
    if (prot != prot_none)
        bits |= STILL_PTE_PRESENT;
    if ((prot & prot_write) != 0)
        bits |= STILL_PTE_WRITE;
    if ((prot & prot_exec) == 0)
        bits |= STILL_PTE_NO_EXECUTE;
    if (level != level_4k)
        bits |= STILL_PTE_LARGE;
    return bits;
}

Status PageTable::create()
{
    root_ = pages_.allocate(pages_.context);
    if (root_ == PhysAddr())
        return fail(Errno::nomem);
    if (five_levels())
        return {}; // the kernel is an entry of the table above
    Entry* own = table_at(root_);
    const Entry* kernel = table_at(kernel_root());
    for (u32 i = entries / 2; i < entries; ++i)
        own[i].store(kernel[i].load(std::memory_order_relaxed), std::memory_order_relaxed);
    return {};
}

Leaf PageTable::find(UserAddr a) const
{
    Entry* table = table_at(root_);
#pragma GCC unroll 3
    for (u32 level = 3; level > level_4k; --level) {
        Entry* entry = &table[index_of(a, level)];
        const u64 e = entry->load(std::memory_order_relaxed);
        if (!is_table(e))
            return {level > level_1g ? nullptr : entry, a.align_down(level_bytes(level)), level};
        table = table_at(PhysAddr(e & STILL_PTE_ADDRESS));
    }
    return {&table[index_of(a, level_4k)], a.align_down(page_size), level_4k};
}

Result<Entry*> PageTable::descend(Entry& entry)
{
    u64 e = entry.load(std::memory_order_relaxed);
    if (e == 0) {
        const PhysAddr page = pages_.allocate(pages_.context);
        if (page == PhysAddr())
            return fail(Errno::nomem);
        e = page.raw() | table_bits;
        entry.store(e, std::memory_order_release);
    }
    if (!is_table(e))
        return fail(Errno::exist);
    return table_at(PhysAddr(e & STILL_PTE_ADDRESS));
}

bool PageTable::retire_if_empty(Entry& entry, u32 level)
{
    const PhysAddr page(entry.load(std::memory_order_relaxed) & STILL_PTE_ADDRESS);
    Entry* table = table_at(page);
    for (u32 i = 0; i < entries; ++i) {
        const u64 e = table[i].load(std::memory_order_relaxed);
        if (e == 0)
            continue;
        if (level - 1 == level_4k || !is_table(e) || !retire_if_empty(table[i], level - 1))
            return false;
    }
    entry.store(0, std::memory_order_release);
    pages_.retire(pages_.context, page);
    return true;
}

Result<Leaf> PageTable::prepare(UserAddr a, u32 level)
{
    Entry* table = table_at(root_);
    for (u32 at = 3; at > level; --at)
        table = TRY(descend(table[index_of(a, at)]));
    Entry& entry = table[index_of(a, level)];
    const u64 e = entry.load(std::memory_order_relaxed);
    if (level != level_4k && is_table(e) && !retire_if_empty(entry, level))
        return fail(Errno::exist);
    return Leaf{&entry, a.align_down(level_bytes(level)), level};
}

Status PageTable::split(Leaf leaf)
{
    const PhysAddr page = pages_.allocate(pages_.context);
    if (page == PhysAddr())
        return fail(Errno::nomem);
    Entry* table = table_at(page);
    u64 e = leaf.entry->load(std::memory_order_acquire);
    do {
        // The module may set SEEN meanwhile; the parts inherit what the exchange finds.
        const u64 step = level_bytes(leaf.level - 1);
        u64 part = e;
        if (leaf.level - 1 == level_4k)
            part &= ~STILL_PTE_LARGE;
        for (u32 i = 0; i < entries; ++i)
            table[i].store(part + i * step, std::memory_order_relaxed);
    } while (!leaf.entry->compare_exchange_weak(e, page.raw() | table_bits, std::memory_order_acq_rel));
    return {};
}

Status PageTable::split_at(UserAddr a)
{
    for (;;) {
        const Leaf leaf = find(a);
        if (leaf.start == a || leaf.level == level_4k || leaf.entry == nullptr ||
            leaf.entry->load(std::memory_order_relaxed) == 0)
            return {};
        TRY_STATUS(split(leaf));
    }
}

void PageTable::dismantle()
{
    // Depth first; at most three levels below the root.
    struct Walk {
        static void retire_below(PageTable& pt, PhysAddr page, u32 level, u32 limit)
        {
            Entry* table = table_at(page);
            for (u32 i = 0; i < limit; ++i) {
                const u64 e = table[i].load(std::memory_order_relaxed);
                if (is_table(e)) {
                    const PhysAddr child(e & STILL_PTE_ADDRESS);
                    if (level > level_2m)
                        retire_below(pt, child, level - 1, entries);
                    pt.pages_.retire(pt.pages_.context, child);
                }
            }
        }
    };
    Walk::retire_below(*this, root_, 3, entries / 2);
    pages_.retire(pages_.context, root_);
    root_ = PhysAddr();
}

void copy_top(PhysAddr to, PhysAddr from)
{
    for (u32 i = 0; i < entries; ++i)
        table_at(to)[i].store(table_at(from)[i].load(std::memory_order_relaxed), std::memory_order_relaxed);
}

void set_top_entry(PhysAddr root, u32 index, PhysAddr table, bool writable)
{
    const u64 e =
        table == PhysAddr() ? 0 : table.raw() | (writable ? table_bits : table_bits & ~STILL_PTE_WRITE);
    table_at(root)[index].store(e, std::memory_order_release);
}

PhysAddr first_table(PhysAddr root)
{
    return PhysAddr(table_at(root)[0].load(std::memory_order_relaxed) & STILL_PTE_ADDRESS);
}

} // namespace still::arch
