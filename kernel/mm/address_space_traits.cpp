// SPDX-License-Identifier: BSD-2-Clause
// What madvise, mlock, mbind and MAP_GROWSDOWN need to know of areas.
#include <mm/address_space.hpp>
#include <mm/frame_allocator.hpp>

namespace still {

bool AddressSpace::next_behind_end(u32 handle, u64 bytes, UserAddr from, UserRange& part)
{
    LockGuard guard(lock_);
    const u64 end = (bytes + page_size - 1) & ~(page_size - 1);
    for (auto it = areas_.first_behind(from); it != areas_.end(); ++it) {
        if (it->kind != VmaKind::file || it->file == nullptr || it->file->handle != handle ||
            it->file_offset + it->range.size() <= end)
            continue;
        const u64 kept = end > it->file_offset ? end - it->file_offset : 0;
        part = {max(it->range.start + kept, from), it->range.end};
        return true;
    }
    return false;
}

AddressSpace::Counted AddressSpace::count_bytes()
{
    LockGuard guard(lock_);
    Counted c{};
    for (auto it = areas_.first_behind(UserAddr(0)); it != areas_.end(); ++it) {
        const bool is_private = it->kind == VmaKind::anonymous || it->kind == VmaKind::file;
        c.locked += it->traits.locked ? it->range.size() : 0;
        if (is_private && (it->prot & prot_write) != 0 && !it->stack && !it->traits.grows_down)
            c.data += it->range.size();
    }
    return c;
}

bool AddressSpace::grow_down(UserAddr a, u64 limit)
{
    const UserAddr start = a.align_down(page_size);
    LockGuard guard(lock_);
    auto it = areas_.first_behind(a);
    if (it == areas_.end() || !it->traits.grows_down || it->range.start <= a ||
        it->range.end - start > limit || !is_app_range({start, it->range.end}))
        return false;
    const u64 more = it->range.start - start;
    if (more > limit_as.soft || areas_.mapped_bytes() > limit_as.soft - more)
        return false;
    if (it != areas_.begin()) {
        auto below = it;
        --below;
        // A guard gap to what a program could write to by mistake.
        const bool stack_too = below->traits.grows_down || below->prot == prot_none;
        const u64 gap = stack_too ? 0 : stack_gap;
        if (below->range.end > start || start - below->range.end < gap)
            return false;
    }
    Vma proto;
    proto.range = {start, it->range.start};
    proto.prot = it->prot;
    proto.lazy = it->lazy;
    proto.stack = it->stack;
    proto.traits = it->traits;
    return areas_.insert(proto).has_value();
}

Result<NodeId> AddressSpace::node_at(UserAddr a)
{
    LockGuard guard(lock_);
    const arch::Leaf leaf = table_.find(a);
    const u64 e = leaf.entry == nullptr ? 0 : leaf.entry->load(std::memory_order_acquire);
    if (e == 0 || (e & STILL_PTE_FOREIGN) != 0)
        return fail(Errno::noent);
    const PhysAddr at = arch::leaf_frame(e, leaf.level);
    if (frames::lookup(at) == nullptr)
        return fail(Errno::noent);
    return frames::node_of(at);
}

} // namespace still
