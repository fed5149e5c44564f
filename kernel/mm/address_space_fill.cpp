// SPDX-License-Identifier: BSD-2-Clause
// Filling areas: which block goes where, putting it there, and what is there already.
#include <mm/address_space.hpp>
#include <mm/frame_allocator.hpp>

namespace still {

bool AddressSpace::is_empty(UserRange range)
{
    bool empty = true;
    table_.for_each(range, [&](arch::Leaf) { empty = false; });
    return empty;
}

Chunk AddressSpace::chunk_at(Vma& vma, UserAddr a, UserRange limit, u32 largest, bool interleaves)
{
    if (vma.traits.policy.mode != PolicyMode::none)
        interleaves = vma.traits.policy.mode == PolicyMode::interleave;
    // Neighbours of one page, or of 2 MiB, come from different nodes then.
    u32 order = !interleaves ? largest : largest >= order_2m ? order_2m : 0;
    if (vma.traits.huge != 0) {
        order = vma.traits.huge - 12;
        limit = vma.range;
    }
    const u32 wanted = order;
    for (;; --order) {
        const UserAddr start = a.align_down(order_bytes(order));
        const UserRange block{start, start + order_bytes(order)};
        const bool inside = block.start >= vma.range.start && block.end <= vma.range.end &&
                            block.start >= limit.start && block.end <= limit.end;
        if (order == 0 || (inside && is_empty(block))) {
            Chunk chunk{block,
                        order,
                        vma.kind,
                        vma.file,
                        vma.offset_of(block.start),
                        vma.traits.policy,
                        vma.prot,
                        vma.traits.huge != 0 && order == wanted};
            if (chunk.file != nullptr)
                ++chunk.file->refs;
            return chunk;
        }
        if (interleaves)
            order = 1;
        else if (order == order_1g)
            order = order_2m + 1;
        else if (order == order_2m)
            order = 5;
        // Blocks of 64 KiB and below are made of small pages.
    }
}

// 2 MiB where the block beside is in use already, else 64 KiB: memory that is touched here and there costs little, and
// what is touched in order has large pages soon.
u32 AddressSpace::fault_order(const Vma& vma, UserAddr a) const
{
    constexpr u32 small = 4;
    if (vma.kind != VmaKind::anonymous || vma.stack)
        return small;
    const UserAddr block = a.align_down(page_size_2m);
    auto is_used = [&](UserAddr beside) NO_THREAD_SAFETY {
        if (beside < vma.range.start || beside >= vma.range.end)
            return false;
        const arch::Leaf leaf = table_.find(beside);
        return leaf.entry != nullptr && leaf.entry->load(std::memory_order_relaxed) != 0;
    };
    return is_used(block - page_size) || is_used(block + page_size_2m) ? order_2m : small;
}

Fault AddressSpace::examine(UserAddr a, Access access, bool interleaves)
{
    LockGuard guard(lock_);
    Vma* vma = areas_.find(a);
    if (vma == nullptr)
        return {FaultKind::no_area, {}};
    if (vma->kind == VmaKind::leaving)
        return {FaultKind::leaves, {}};
    const u8 needed = access == Access::write     ? prot_write
                      : access == Access::execute ? prot_exec
                                                  : prot_none;
    if (vma->prot == prot_none || (vma->prot & needed) != needed)
        return {FaultKind::no_right, {}};
    if (access == Access::patch && (vma->kind == VmaKind::mirrored || vma->kind == VmaKind::foreign))
        return {FaultKind::no_right, {}};
    if (vma->kind == VmaKind::mirrored)
        return examine_mirrored(*vma, a, access);
    const arch::Leaf leaf = table_.find(a);
    const u64 e = leaf.entry == nullptr ? 0 : leaf.entry->load(std::memory_order_acquire);
    if ((e & STILL_PTE_DEPARTING) != 0)
        return {FaultKind::busy, {}};
    if ((access == Access::write || access == Access::patch) && is_others_too(e))
        return {forking_ || is_discarded({a, a + 1}) ? FaultKind::busy : FaultKind::copy, {}};
    if (e != 0)
        return {FaultKind::resolved, {}};
    if (vma->kind == VmaKind::foreign)
        return {FaultKind::no_area, {}};
    return {FaultKind::fill, chunk_at(*vma, a, vma->range, fault_order(*vma, a), interleaves)};
}

Chunk AddressSpace::next_empty(UserAddr a, UserRange limit, u32 max_chunk, bool interleaves)
{
    LockGuard guard(lock_);
    while (a < limit.end) {
        Vma* vma = areas_.find(a);
        if (vma == nullptr || vma->kind == VmaKind::leaving || vma->kind == VmaKind::foreign || vma->in_linux)
            break;
        const arch::Leaf leaf = table_.find(a);
        if (leaf.entry != nullptr && leaf.entry->load(std::memory_order_acquire) != 0) {
            a = leaf.start + arch::level_bytes(leaf.level);
            continue;
        }
        return chunk_at(*vma, a, limit, max_chunk, interleaves);
    }
    return {};
}

void AddressSpace::abandon(Chunk& chunk)
{
    LockGuard guard(lock_);
    if (chunk.file != nullptr && --chunk.file->refs == 0)
        drop_file(chunk.file, closed_);
    chunk.file = nullptr;
}

void AddressSpace::install(Chunk& chunk, Frame* block, u64 valid_bytes)
{
    FrameChain rest;
    {
        LockGuard guard(lock_);
        const u32 level = chunk.order >= order_1g   ? arch::level_1g
                          : chunk.order >= order_2m ? arch::level_2m
                                                    : arch::level_4k;
        const bool whole = level != arch::level_4k && valid_bytes >= chunk.range.size();
        const u64 step = whole ? chunk.range.size() : page_size;
        for (u64 at = 0; at < chunk.range.size(); at += step) {
            const UserAddr a = chunk.range.start + at;
            const PhysAddr frame = block->address() + at;
            Vma* vma = areas_.find(a);
            bool used = false;
            if (at < valid_bytes && vma != nullptr && vma->kind == chunk.kind && vma->file == chunk.file &&
                (chunk.file == nullptr || vma->offset_of(a) == chunk.file_offset + at) &&
                (!whole || vma->range.end >= chunk.range.end)) {
                const u32 leaf_level = whole ? level : arch::level_4k;
                if (auto leaf = table_.prepare(a, leaf_level); leaf) {
                    u64 empty = 0;
                    used = leaf->entry->compare_exchange_strong(
                        empty, frame.raw() | arch::leaf_bits(vma->prot, leaf_level, vma->traits.key),
                        std::memory_order_acq_rel);
                }
            }
            if (used) {
                count_resident(step);
            } else {
                Frame* unused = frames::lookup(frame);
                unused->order = whole ? chunk.order : 0;
                rest.push_back(*unused);
            }
        }
        if (chunk.file != nullptr && --chunk.file->refs == 0)
            drop_file(chunk.file, closed_);
        chunk.file = nullptr;
    }
    frames::release(rest);
}

bool AddressSpace::widen(Chunk& chunk, UserRange limit, u64 bytes)
{
    LockGuard guard(lock_);
    const Vma* vma = areas_.find(chunk.range.start);
    if (vma == nullptr || vma->kind != chunk.kind || vma->file != chunk.file ||
        vma->offset_of(chunk.range.start) != chunk.file_offset)
        return false;
    const u64 before = min(chunk.file_offset & (bytes - 1), chunk.range.start - vma->range.start);
    const u64 behind = (chunk.file_offset & ~(bytes - 1)) + bytes - chunk.file_offset;
    const UserAddr start = max(UserAddr(chunk.range.start.raw() - before), limit.start);
    chunk.file_offset -= chunk.range.start - start;
    chunk.range = {start, min(chunk.range.start + behind, min(vma->range.end, limit.end))};
    chunk.prot = vma->prot;
    return true;
}

void AddressSpace::install_pages(const Chunk& chunk, u64 file_offset, Frame* first, u32 count, bool shared)
{
    FrameChain rest;
    {
        LockGuard guard(lock_);
        for (u32 i = 0; i < count; ++i) {
            const u64 offset = file_offset + i * page_size;
            const UserAddr a = chunk.range.start + (offset - chunk.file_offset);
            bool used = false;
            if (offset >= chunk.file_offset && offset - chunk.file_offset < chunk.range.size())
                used = install_page(chunk, a, offset, first[i].address(), shared);
            if (used)
                count_resident(page_size);
            else
                frames::disown(rest, first[i].address(), 0);
        }
    }
    frames::release(rest);
}

bool AddressSpace::install_page(const Chunk& chunk, UserAddr a, u64 offset, PhysAddr frame, bool shared)
{
    const Vma* vma = areas_.find(a);
    if (vma == nullptr || vma->kind != chunk.kind || vma->file != chunk.file || vma->offset_of(a) != offset)
        return false;
    const auto leaf = table_.prepare(a, arch::level_4k);
    u64 e = frame.raw() | arch::leaf_bits(vma->prot, arch::level_4k, vma->traits.key);
    if (shared)
        e = (e | STILL_PTE_SHARED) & ~STILL_PTE_WRITE;
    u64 empty = 0;
    return leaf && leaf->entry->compare_exchange_strong(empty, e, std::memory_order_acq_rel);
}

Status AddressSpace::map_foreign(UserAddr at, const u64* frame_list, u32 count, u32 data_pages)
{
    for (u32 i = 0; i < count; ++i) {
        const u8 prot = i < data_pages ? prot_read : prot_read | prot_exec;
        MapRequest request;
        request.hint = at + i * page_size;
        request.length = page_size;
        request.prot = prot;
        request.kind = VmaKind::foreign;
        request.fixed = true;
        TRY(map(request));
        if (frame_list[i] == 0)
            continue;
        LockGuard guard(lock_);
        const arch::Leaf leaf = TRY(table_.prepare(request.hint, arch::level_4k));
        leaf.entry->store(frame_list[i] | arch::leaf_bits(prot, arch::level_4k) | STILL_PTE_FOREIGN,
                          std::memory_order_release);
    }
    return {};
}

bool AddressSpace::area(UserAddr a, AreaInfo& info)
{
    LockGuard guard(lock_);
    auto it = areas_.first_behind(a);
    if (it == areas_.end())
        return false;
    info = {it->range,
            it->traits,
            it->prot,
            it->kind,
            it->lazy,
            it->stack,
            it->file != nullptr ? static_cast<i32>(it->file->handle) : -1,
            it->segment,
            it->file_offset};
    return true;
}

void AddressSpace::count_resident(u64 bytes)
{
    const u64 now = resident_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    if (now > peak_resident_bytes())
        peak_resident_.store(now, std::memory_order_relaxed);
}

u64 AddressSpace::resident_in(UserRange range)
{
    LockGuard guard(lock_);
    u64 bytes = 0;
    table_.for_each(range, [&](arch::Leaf leaf) {
        const u64 e = leaf.entry->load(std::memory_order_relaxed);
        const UserAddr start = max(leaf.start, range.start);
        const UserAddr end = min(leaf.start + arch::level_bytes(leaf.level), range.end);
        const bool awaited = (e & STILL_PTE_FOREIGN) != 0 && !arch::is_present(e);
        if ((e & STILL_PTE_DEPARTING) == 0 && !awaited)
            bytes += end - start;
    });
    return bytes;
}

void AddressSpace::add_usage(UserRange range, Usage& usage)
{
    LockGuard guard(lock_);
    table_.for_each(range, [&](arch::Leaf leaf) {
        const u64 e = leaf.entry->load(std::memory_order_relaxed);
        const PhysAddr frame = arch::leaf_frame(e, leaf.level);
        if ((e & (STILL_PTE_DEPARTING | STILL_PTE_FOREIGN)) == 0 && frames::lookup(frame) != nullptr)
            usage[frames::node_of(frame).value][leaf.level] += arch::level_bytes(leaf.level);
    });
}

bool AddressSpace::is_resident(UserAddr a)
{
    LockGuard guard(lock_);
    const arch::Leaf leaf = table_.find(a);
    return leaf.entry != nullptr && leaf.entry->load(std::memory_order_acquire) != 0;
}

UserAddr AddressSpace::next_resident(UserAddr a, UserAddr end)
{
    LockGuard guard(lock_);
    while (a < end) {
        const arch::Leaf leaf = table_.find(a);
        if (leaf.entry != nullptr && leaf.entry->load(std::memory_order_acquire) != 0)
            return a;
        a = leaf.start + arch::level_bytes(leaf.level);
    }
    return end;
}

bool AddressSpace::examine_again(UserAddr a)
{
    LockGuard guard(lock_);
    Vma* vma = areas_.find(a);
    return vma != nullptr && vma->kind != VmaKind::file;
}

bool AddressSpace::split_departed(UserRange range)
{
    LockGuard guard(lock_);
    bool any = false;
    table_.for_each(range, [&](arch::Leaf leaf) {
        const u64 e = leaf.entry->load(std::memory_order_acquire);
        if ((e & STILL_PTE_DEPARTING) != 0 && leaf.level != arch::level_4k)
            any |= table_.split(leaf).has_value();
    });
    // A 1 GiB leaf became 2 MiB ones: the caller asks again and comes back for those.
    return any;
}

u64 AddressSpace::mapped_bytes()
{
    LockGuard guard(lock_);
    return areas_.mapped_bytes();
}

} // namespace still
