// SPDX-License-Identifier: BSD-2-Clause
// Moving pages: to other addresses (mremap), or their contents to another node. In both the entries depart first, so
// that nobody finds them until the move is done; what Linux holds pinned stays the frame that it is.
#include <debug/panic.hpp>
#include <mm/address_space.hpp>
#include <mm/frame_allocator.hpp>

namespace still {

namespace {

// Takes the entry out of everybody's reach.
void depart(arch::Leaf leaf, Departure& left)
{
    u64 e = leaf.entry->load(std::memory_order_acquire);
    while (!leaf.entry->compare_exchange_weak(e, (e & ~STILL_PTE_PRESENT) | STILL_PTE_DEPARTING,
                                              std::memory_order_acq_rel)) {
    }
    left.flush |= arch::is_present(e);
    left.zap |= (e & STILL_PTE_SEEN) != 0;
}

// The entry that takes its place. What Linux has seen it may hold pinned, wherever it goes.
u64 arrived(u64 e, PhysAddr frame, u8 prot, u8 key, u32 level)
{
    const u64 shared = e & STILL_PTE_SHARED;
    const u64 kept = e & (STILL_PTE_SHARED | STILL_PTE_SEEN);
    const u64 bits = arch::leaf_bits(prot, level, key) | kept;
    return frame.raw() | (shared != 0 ? bits & ~STILL_PTE_WRITE : bits);
}

} // namespace

bool AddressSpace::is_departing(UserRange range)
{
    if (departures_ == 0)
        return false;
    bool any = is_discarded(range);
    table_.for_each(range, [&](arch::Leaf leaf) {
        any |= (leaf.entry->load(std::memory_order_relaxed) & STILL_PTE_DEPARTING) != 0;
    });
    return any;
}

// CPUs may have the way through such a table cached, also if there was nothing in it.
void AddressSpace::take_retired(Departure& left)
{
    left.flush |= !retired_.empty();
    left.tables.splice(left.tables.end(), retired_);
}

void AddressSpace::release_tables(Departure& left)
{
    // A walker that is inside now may have entered before the pages left the tree: then they wait for the next.
    if (__atomic_load_n(walkers_, __ATOMIC_SEQ_CST) == 0) {
        frames::release(left.tables);
        return;
    }
    LockGuard guard(lock_);
    retired_.splice(retired_.end(), left.tables);
}

Status AddressSpace::begin_move(UserRange from, const MapRequest& target, Departure& left)
{
    LockGuard guard(lock_);
    left.range = from;
    // No fork that waits goes first: it could not begin while a place is reserved for this.
    if (forking_ || is_departing(from))
        return fail(Errno::again);
    UserAddr covered = from.start;
    const Vma* first = areas_.find(from.start);
    for (auto it = areas_.first_behind(from.start); it != areas_.end() && it->range.start < from.end; ++it) {
        if (it->kind == VmaKind::leaving)
            return fail(Errno::again);
        if (it->range.start > covered || it->kind != target.kind || it->file != target.file ||
            it->prot != first->prot || it->traits != first->traits)
            return fail(Errno::fault);
        covered = it->range.end;
    }
    if (covered < from.end)
        return fail(Errno::fault);
    TRY_STATUS(table_.split_at(from.start));
    TRY_STATUS(table_.split_at(from.end));
    const u64 distance = target.hint.raw() - from.start.raw();
    for (UserAddr a = from.start; a < from.end;) {
        const arch::Leaf leaf = table_.find(a);
        const u64 step = arch::level_bytes(leaf.level);
        if (leaf.entry != nullptr && leaf.entry->load(std::memory_order_acquire) != 0) {
            if ((distance & (step - 1)) != 0) {
                TRY_STATUS(table_.split(leaf)); // at the other place it lies across
                continue;
            }
            TRY(table_.prepare(UserAddr(leaf.start.raw() + distance), leaf.level));
        }
        a = a.align_down(step) + step;
    }
    TRY_STATUS(areas_.split_around(from));
    // They keep all else, files too, for the case that they stay.
    for (auto it = areas_.first_behind(from.start); it != areas_.end() && it->range.start < from.end; ++it)
        it->kind = VmaKind::leaving;
    table_.for_each(from, [&](arch::Leaf leaf) { depart(leaf, left); });
    ++departures_;
    return {};
}

void AddressSpace::end_move(const MapRequest& target, bool keep, Departure& left)
{
    {
        LockGuard guard(lock_);
        --departures_;
        // Whatever the caller saw of it: its rights are those that it left with.
        const Vma& source = *areas_.first_behind(left.range.start);
        const u64 distance = target.hint.raw() - left.range.start.raw();
        table_.for_each(left.range, [&](arch::Leaf leaf) {
            const u64 e = leaf.entry->load(std::memory_order_acquire);
            // Its tables are there, and nobody else fills either range.
            const auto there = table_.prepare(UserAddr(leaf.start.raw() + distance), leaf.level);
            STILL_ASSERT((e & STILL_PTE_DEPARTING) != 0 && there.has_value() &&
                         there->entry->load(std::memory_order_relaxed) == 0);
            leaf.entry->store(0, std::memory_order_release);
            there->entry->store(
                arrived(e, arch::leaf_frame(e, leaf.level), source.prot, source.traits.key, leaf.level),
                std::memory_order_release);
        });
        Vma* reserved = areas_.find(target.hint);
        STILL_ASSERT(reserved != nullptr && reserved->kind == VmaKind::leaving &&
                     reserved->range.start == target.hint && reserved->range.size() == target.length);
        reserved->kind = target.kind;
        reserved->prot = source.prot;
        reserved->lazy = target.lazy;
        reserved->traits = source.traits;
        reserved->file = target.file;
        reserved->file_offset = source.file_offset;
        if (target.file != nullptr)
            ++target.file->refs;
        auto it = areas_.first_behind(left.range.start);
        while (it != areas_.end() && it->range.start < left.range.end) {
            const auto area = it++;
            if (keep) {
                area->kind = target.kind;
                area->traits.locked = false;
            } else {
                (void)areas_.erase(area); // of a file that the new area has, too
            }
        }
        areas_.merge_around(left.range);
        areas_.merge_around({target.hint, target.hint + target.length});
    }
    release_tables(left);
}

Result<bool> AddressSpace::begin_relocate(UserAddr a, NodeId to, Relocation& page, Departure& left)
{
    LockGuard guard(lock_);
    for (;;) {
        const Vma* vma = areas_.find(a);
        if (vma == nullptr || vma->kind == VmaKind::leaving)
            return fail(Errno::fault);
        const arch::Leaf leaf = table_.find(a);
        const u64 e = leaf.entry == nullptr ? 0 : leaf.entry->load(std::memory_order_acquire);
        if (e == 0 || (e & STILL_PTE_FOREIGN) != 0)
            return fail(Errno::noent);
        if (yields_to_fork() || (e & STILL_PTE_DEPARTING) != 0 ||
            is_discarded({leaf.start, leaf.start + arch::level_bytes(leaf.level)}))
            return fail(Errno::again);
        page = {leaf.start, arch::leaf_frame(e, leaf.level), 9 * leaf.level};
        if (frames::node_of(page.frame) == to)
            return false;
        if (leaf.level > arch::level_2m) {
            TRY_STATUS(table_.split(leaf));
            continue;
        }
        if ((e & STILL_PTE_SHARED) != 0 && frames::is_shared(page.frame, page.order))
            return fail(Errno::acces); // another process has it, too
        left.range = {leaf.start, leaf.start + arch::level_bytes(leaf.level)};
        depart(leaf, left);
        ++departures_;
        return true;
    }
}

void AddressSpace::end_relocate(const Relocation& page, Frame* copy, Departure& left)
{
    {
        LockGuard guard(lock_);
        --departures_;
        const PhysAddr block = copy != nullptr ? copy->address() : page.frame;
        // In pieces if somebody has changed the rights of a part meanwhile.
        table_.for_each({page.start, page.start + order_bytes(page.order)},
                        [&](arch::Leaf leaf) NO_THREAD_SAFETY {
                            const Vma* vma = areas_.find(leaf.start);
                            const u64 e = leaf.entry->load(std::memory_order_acquire);
                            // Whoever would unmap or discard it waits.
                            STILL_ASSERT(vma != nullptr && (e & STILL_PTE_DEPARTING) != 0);
                            leaf.entry->store(arrived(e, block + (leaf.start - page.start), vma->prot,
                                                      vma->traits.key, leaf.level),
                                              std::memory_order_release);
                        });
        if (copy != nullptr)
            frames::disown(left.frames, page.frame, page.order);
    }
    frames::release(left.frames);
    release_tables(left);
}

} // namespace still
