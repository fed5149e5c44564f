// SPDX-License-Identifier: BSD-2-Clause
// Memory whose home is Linux. The module fills and clears these entries (linux-module/mirror.c); here they are made
// ready to be filled, and forgotten once Linux has nothing there any more.
#include <mm/address_space.hpp>
#include <stillcore/ikc.h>

namespace still {

namespace {

constexpr u64 awaited = STILL_PTE_MIRRORED | STILL_PTE_FOREIGN;
constexpr u64 window_bytes = STILL_MIRROR_PAGES * page_size;

bool allows(u64 e, Access access)
{
    if (!arch::is_present(e))
        return false;
    switch (access) {
    case Access::write:
        return (e & STILL_PTE_WRITE) != 0;
    case Access::execute:
        return (e & STILL_PTE_NO_EXECUTE) == 0;
    case Access::read:
        return true;
    case Access::patch:
        break;
    }
    return false;
}

} // namespace

Fault AddressSpace::examine_mirrored(const Vma& vma, UserAddr a, Access access)
{
    const arch::Leaf leaf = table_.find(a);
    if (leaf.entry != nullptr && leaf.level == arch::level_4k &&
        allows(leaf.entry->load(std::memory_order_acquire), access))
        return {FaultKind::resolved, {}};
    Fault fault{FaultKind::mirror, {}};
    const UserAddr around = a.align_down(window_bytes);
    const UserRange window{max(around, vma.range.start), min(around + window_bytes, vma.range.end)};
    for (UserAddr at = window.start; at < window.end; at += page_size) {
        const auto entry = table_.prepare(at, arch::level_4k);
        if (!entry)
            return fault;
        u64 empty = 0;
        (void)entry->entry->compare_exchange_strong(empty, awaited, std::memory_order_acq_rel);
    }
    fault.chunk.range = window;
    return fault;
}

bool AddressSpace::next_in_linux(UserRange range, UserRange& piece)
{
    LockGuard guard(lock_);
    for (auto it = areas_.first_behind(range.start); it != areas_.end() && it->range.start < range.end;
         ++it) {
        if (it->kind != VmaKind::leaving || !it->in_linux)
            continue;
        piece = it->range;
        return true;
    }
    return false;
}

void AddressSpace::taken_back(UserRange piece)
{
    LockGuard guard(lock_);
    Vma* vma = areas_.find(piece.start);
    if (vma == nullptr || vma->kind != VmaKind::leaving || vma->range.end != piece.end)
        return;
    vma->in_linux = false;
    vma->segment = 0;
    table_.for_each(piece, [](arch::Leaf leaf) { leaf.entry->store(0, std::memory_order_release); });
}

void AddressSpace::keep_in_linux(UserRange range)
{
    LockGuard guard(lock_);
    for (auto it = areas_.first_behind(range.start); it != areas_.end() && it->range.start < range.end; ++it)
        if (it->kind == VmaKind::leaving && it->in_linux)
            it->kind = VmaKind::mirrored;
}

void AddressSpace::drop_reserved(UserRange range)
{
    LockGuard guard(lock_);
    auto it = areas_.first_behind(range.start);
    while (it != areas_.end() && it->range.start < range.end) {
        auto next = it;
        ++next;
        if (it->kind == VmaKind::leaving)
            (void)areas_.erase(it);
        it = next;
    }
}

} // namespace still
