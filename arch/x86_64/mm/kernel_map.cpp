// SPDX-License-Identifier: BSD-2-Clause
// The kernel's half: direct map of the instance's memory, lent pages, and the image with W^X.
#include <arch/boot.hpp>
#include <arch/cpu.hpp>
#include <arch/layout.hpp>
#include <arch/page_table.hpp>
#include <arch/upcalls.hpp>
#include <base/spin_lock.hpp>

extern "C" const char still_text_start[], still_text_end[], still_rodata_start[], still_rodata_end[],
    still_data_start[], still_data_end[];

namespace still::arch {

namespace {

constexpr u64 present_rw = STILL_PTE_PRESENT | STILL_PTE_WRITE | STILL_PTE_ACCESSED | STILL_PTE_DIRTY;
PhysAddr root, top;
SpinLock lent_lock; // kernel tables change after boot only for lent pages
bool early = true;  // tables are reached through low memory, which is mapped one to one

PhysAddr early_start, early_next, early_end;
PhysAddr (*later_page)() = nullptr;

u64* table_at(PhysAddr a)
{
    // SAFETY: low memory is mapped one to one until build_kernel_map() ends, the direct map afterwards.
    return early ? reinterpret_cast<u64*>(a.raw()) : direct<u64>(a);
}

PhysAddr early_page()
{
    if (early_next == early_end)
        still_abort("out of early pages: memory is too scattered");
    const PhysAddr page = early_next;
    early_next += page_size;
    __builtin_memset(table_at(page), 0, page_size);
    return page;
}

// nullptr only once boot is over and memory is short.
u64* child_of(u64& entry)
{
    if (entry == 0) {
        const PhysAddr page = later_page != nullptr ? later_page() : early_page();
        if (page == PhysAddr())
            return nullptr;
        entry = page.raw() | present_rw;
    }
    return table_at(PhysAddr(entry & STILL_PTE_ADDRESS));
}

void map_page(u64 virt, PhysAddr phys, u64 bytes, u64 bits)
{
    u64* table = table_at(root);
    u32 level = 3;
    const u32 leaf = bytes == page_size ? level_4k : bytes == page_size_2m ? level_2m : level_1g;
    for (; level > leaf; --level)
        table = child_of(table[virt >> (12 + 9 * level) & 511]);
    table[virt >> (12 + 9 * level) & 511] = phys.raw() | bits | (leaf == level_4k ? 0 : STILL_PTE_LARGE);
}

void map_range(u64 virt, PhysAddr start, PhysAddr end, u64 bits)
{
    const bool giant = has_1g_pages();
    while (start < end) {
        u64 step = page_size;
        if (giant && start.aligned(page_size_1g) && end - start >= page_size_1g)
            step = page_size_1g;
        else if (start.aligned(page_size_2m) && end - start >= page_size_2m)
            step = page_size_2m;
        map_page(virt, start, step, bits);
        virt += step;
        start += step;
    }
}

void map_image_part(const char* from, const char* to, PhysAddr image, u64 bits)
{
    const u64 linked = kernel_base + image_link_offset;
    const u64 start = reinterpret_cast<u64>(from) & ~(page_size - 1);
    const u64 end = (reinterpret_cast<u64>(to) + page_size - 1) & ~(page_size - 1);
    for (u64 v = start; v < end; v += page_size)
        map_page(v, image + (v - linked), page_size, bits);
}

} // namespace

namespace {

// The largest part of [start, end) that is neither the image's nor the archive's.
PhysRange largest_part(const still_boot_block& block, u64 start, u64 end)
{
    const PhysRange used[] = {
        {PhysAddr(block.image_phys), PhysAddr(block.image_phys + block.image_size).align_up(page_size)},
        {PhysAddr(block.initramfs_phys).align_down(page_size),
         PhysAddr(block.initramfs_phys + block.initramfs_size).align_up(page_size)}};
    PhysRange best{PhysAddr(start), PhysAddr(start)};
    u64 from = start;
    while (from < end) {
        // The first piece in use that ends behind from.
        PhysRange next{PhysAddr(end), PhysAddr(end)};
        for (const PhysRange& u : used)
            if (u.end > PhysAddr(from) && u.start < next.start && u.end > u.start)
                next = u;
        if (next.start > PhysAddr(from) && next.start - PhysAddr(from) > best.end - best.start)
            best = {PhysAddr(from), next.start};
        from = next.end.raw();
    }
    return best;
}

} // namespace

void init_early_pages(const still_boot_block& block)
{
    // From the end of the largest part that early code can reach, a page for each 64 MiB and some more.
    u64 best = 0;
    u64 total = 0;
    const u64 reach = 4 * GiB + (block.flags & STILL_BOOT_BESIDE_LINUX ? 508 * GiB : 0);
    for (u32 i = 0; i < block.num_ranges; ++i) {
        const still_boot_range& r = block.ranges[i];
        total += r.end - r.start;
        if (r.end > reach)
            continue;
        const PhysRange part = largest_part(block, r.start, r.end);
        if (part.end - part.start > best) {
            best = part.end - part.start;
            early_end = part.end;
        }
    }
    const u64 pages = 64 + block.num_ranges * 6 + total / (64 * MiB) + 2 * (block.max_phys / (512 * GiB) + 1);
    if (best < pages * page_size)
        still_abort("no range of memory is large enough for the first page tables");
    early_start = early_end - pages * page_size;
    early_next = early_start;
}

PhysRange early_pages_taken()
{
    return {early_start, early_end};
}

void build_kernel_map(const still_boot_block& block, PhysAddr image)
{
    const u64 direct_bits = present_rw | STILL_PTE_GLOBAL | STILL_PTE_NO_EXECUTE;
    root = early_page();
    // Every top-level entry that lent pages can need exists from the start: processes copy them.
    for (u64 a = 0; a < block.max_phys; a += 512 * GiB)
        child_of(table_at(root)[(direct_base + a) >> 39 & 511]);
    const PhysAddr image_end = (image + block.image_size).align_up(page_size);
    for (u32 i = 0; i < block.num_ranges; ++i) {
        // The image has no second, writable mapping.
        PhysAddr start(block.ranges[i].start);
        const PhysAddr end(block.ranges[i].end);
        if (image >= start && image < end) {
            map_range(direct_base + start.raw(), start, image, direct_bits);
            start = image_end;
        }
        map_range(direct_base + start.raw(), start, end, direct_bits);
    }
    const u64 read_only = STILL_PTE_PRESENT | STILL_PTE_ACCESSED | STILL_PTE_GLOBAL;
    map_image_part(still_text_start, still_text_end, image, read_only);
    map_image_part(still_rodata_start, still_rodata_end, image, read_only | STILL_PTE_NO_EXECUTE);
    map_image_part(still_data_start, still_data_end, image, direct_bits);
    top = root;
    if (five_levels()) {
        top = early_page();
        table_at(top)[511] = root.raw() | present_rw;
    }
    write_cr3(top.raw());
    early = false;
}

PhysAddr kernel_root()
{
    return root;
}

PhysAddr kernel_top()
{
    return top;
}

void fill_top(PhysAddr to, PhysAddr own)
{
    table_at(to)[0] = own.raw() | present_rw | STILL_PTE_USER;
    table_at(to)[511] = table_at(top)[511];
}

void switch_root(PhysAddr to)
{
    write_cr3(to.raw());
}

namespace {

// The last-level entry for a lent page; nullptr if memory is short.
u64* leaf_for(PhysAddr phys) REQUIRES(lent_lock)
{
    u64* table = table_at(root);
    const u64 virt = direct_base + phys.raw();
    for (u32 level = 3; level > 0; --level) {
        u64& entry = table[virt >> (12 + 9 * level) & 511];
        if ((entry & STILL_PTE_LARGE) != 0)
            return nullptr; // the instance's own memory is never lent
        table = child_of(entry);
        if (table == nullptr)
            return nullptr;
    }
    return &table[virt >> 12 & 511];
}

// The entry of 2 MiB of the instance's memory; a leaf of 1 GiB around it is split. nullptr: no memory for that.
u64* large_leaf_for(PhysAddr phys) REQUIRES(lent_lock)
{
    const u64 virt = direct_base + phys.raw();
    u64* table = child_of(table_at(root)[virt >> 39 & 511]);
    if (table == nullptr)
        return nullptr;
    u64& giant = table[virt >> 30 & 511];
    if ((giant & STILL_PTE_LARGE) != 0) {
        const PhysAddr page = later_page();
        if (page == PhysAddr())
            return nullptr;
        u64* parts = table_at(page);
        for (u64 i = 0; i < 512; ++i)
            parts[i] = giant + i * page_size_2m;
        // The translations are the same, so that CPUs may keep the old one.
        __atomic_store_n(&giant, page.raw() | present_rw, __ATOMIC_RELEASE);
    }
    table = child_of(giant);
    return table == nullptr ? nullptr : &table[virt >> 21 & 511];
}

} // namespace

void set_table_source(PhysAddr (*source)())
{
    later_page = source;
}

Status map_lent(PhysAddr start, u64 bytes, bool device)
{
    LockGuard guard(lent_lock);
    u64 bits = present_rw | STILL_PTE_NO_EXECUTE;
    if (device)
        bits |= STILL_PTE_NO_CACHE | STILL_PTE_WRITE_THROUGH;
    for (PhysAddr a = start; a < start + bytes; a += page_size) {
        u64* leaf = leaf_for(a);
        if (leaf == nullptr)
            return fail(Errno::nomem);
        *leaf = a.raw() | bits;
    }
    return {};
}

Status map_memory(PhysAddr start, u64 bytes)
{
    LockGuard guard(lent_lock);
    for (PhysAddr a = start; a < start + bytes; a += page_size_2m) {
        u64* entry = large_leaf_for(a);
        if (entry == nullptr)
            return fail(Errno::nomem);
        *entry = a.raw() | present_rw | STILL_PTE_GLOBAL | STILL_PTE_NO_EXECUTE | STILL_PTE_LARGE;
    }
    return {};
}

Status unmap_memory(PhysAddr start, u64 bytes)
{
    LockGuard guard(lent_lock);
    for (PhysAddr a = start; a < start + bytes; a += page_size_2m)
        if (large_leaf_for(a) == nullptr)
            return fail(Errno::nomem); // nothing has changed but the size of leaves
    for (PhysAddr a = start; a < start + bytes; a += page_size_2m)
        *large_leaf_for(a) = 0;
    return {};
}

void unmap_lent(PhysAddr start, u64 bytes)
{
    LockGuard guard(lent_lock);
    for (PhysAddr a = start; a < start + bytes; a += page_size)
        if (u64* leaf = leaf_for(a); leaf != nullptr)
            *leaf = 0;
}

} // namespace still::arch
