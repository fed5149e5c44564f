// SPDX-License-Identifier: BSD-2-Clause
// fork: two address spaces share their pages until one of them writes.
#include <arch/cpu.hpp>
#include <arch/layout.hpp>
#include <debug/panic.hpp>
#include <mm/address_space.hpp>
#include <mm/frame_allocator.hpp>

namespace still {

namespace {

constexpr u32 order_of(u32 level)
{
    return 9 * level;
}

bool is_private_memory(const Vma& vma)
{
    return vma.kind == VmaKind::anonymous || vma.kind == VmaKind::file;
}

} // namespace

// The child's half of a leaf; nobody else knows the child yet. Linux has nothing of it mapped yet, so SEEN is not
// inherited.
// own: what it made last; the next one mostly lies in the same table.
Status AddressSpace::share_leaf(AddressSpace& child, arch::Leaf leaf, arch::Leaf& own,
                                Departure& left) NO_THREAD_SAFETY
{
    u64 e = leaf.entry->load(std::memory_order_acquire);
    STILL_ASSERT((e & STILL_PTE_DEPARTING) == 0); // none departs while departures_ is 0
    const u64 bytes = arch::level_bytes(leaf.level);
    if (own.entry != nullptr && own.level == leaf.level &&
        own.start.align_down(512 * bytes) == leaf.start.align_down(512 * bytes)) {
        own.entry += (leaf.start - own.start) / bytes;
        own.start = leaf.start;
    } else {
        own = TRY(child.table_.prepare(leaf.start, leaf.level));
    }
    if ((e & STILL_PTE_FOREIGN) != 0) {
        own.entry->store(e, std::memory_order_release);
        return {};
    }
    frames::share(arch::leaf_frame(e, leaf.level), order_of(leaf.level));
    child.count_resident(bytes);
    u64 next;
    do {
        next = (e | STILL_PTE_SHARED) & ~STILL_PTE_WRITE;
    } while (!leaf.entry->compare_exchange_weak(e, next, std::memory_order_acq_rel));
    own.entry->store(next & ~(STILL_PTE_SEEN | STILL_PTE_PINNED), std::memory_order_release);
    left.flush |= (e & STILL_PTE_WRITE) != 0;
    if ((e & STILL_PTE_SEEN) != 0) {
        // Also where Linux can't write any more: a transfer may be under way into a page that it got earlier.
        const UserAddr end = leaf.start + bytes;
        left.range.start = left.zap ? min(left.range.start, leaf.start) : leaf.start;
        left.range.end = left.zap ? max(left.range.end, end) : end;
        left.zap = true;
    }
    return {};
}

Status AddressSpace::copy_area(AddressSpace& child, const Vma& vma, Departure& left) NO_THREAD_SAFETY
{
    if (vma.traits.dont_fork)
        return {};
    Vma proto;
    proto.range = vma.range;
    proto.take_properties(vma);
    proto.traits.locked = false; // mlock(2): not inherited
    if (vma.file != nullptr) {
        if (vma.file->twin == nullptr)
            vma.file->twin = child.make_file(vma.file->handle);
        if (vma.file->twin == nullptr)
            return fail(Errno::nomem);
        proto.file = vma.file->twin;
    }
    TRY_STATUS(child.areas_.insert(proto));
    Status done{};
    arch::Leaf own{};
    if ((is_private_memory(vma) && !vma.traits.wipe_on_fork) || vma.kind == VmaKind::foreign) {
        table_.for_each(vma.range, [&](arch::Leaf leaf) NO_THREAD_SAFETY {
            if (done)
                done = share_leaf(child, leaf, own, left);
        });
    }
    return done;
}

// A fork that waits goes before whatever would begin now: else it waits for ever where there is no moment without a
// change. It does not wait for another fork in that way, or forks by turns would keep all changes out.
bool AddressSpace::yields_to_fork() const
{
    return forking_ || (fork_waits_until_ != 0 && arch::read_tsc() < fork_waits_until_);
}

bool AddressSpace::fork_waits()
{
    LockGuard guard(lock_);
    return !forking_ && yields_to_fork();
}

// child is known to its maker only: its lock is not needed.
Status AddressSpace::begin_fork(AddressSpace& child, u64 patience, Departure& left) NO_THREAD_SAFETY
{
    LockGuard guard(lock_);
    child.keys_ = keys_;
    child.execute_only_key_ = execute_only_key_;
    child.uses_keys_.store(uses_keys_.load());
    child.uses_huge_.store(uses_huge_.load());
    if (forking_)
        return fail(Errno::again);
    bool is_changing = departures_ != 0;
    for (const Vma& vma : areas_)
        is_changing |= vma.kind == VmaKind::leaving;
    fork_waits_until_ = is_changing ? patience : 0;
    if (is_changing)
        return fail(Errno::again);
    Status done{};
    for (const Vma& vma : areas_) {
        done = copy_area(child, vma, left);
        if (!done)
            break;
    }
    for (const Vma& vma : areas_) {
        if (vma.file == nullptr || vma.file->twin == nullptr)
            continue;
        if (vma.file->twin->refs == 0) // made, but its area could not be
            child.free_file(vma.file->twin);
        vma.file->twin = nullptr;
    }
    child.brk_start = brk_start;
    child.brk_end = brk_end;
    child.mmap_top = mmap_top;
    child.limit_as = limit_as;
    child.limit_data = limit_data;
    child.limit_resident = limit_resident;
    child.last_segment_.store(last_segment_.load());
    forking_ = true;
    return done;
}

Result<bool> AddressSpace::split_pinned(UserRange range)
{
    LockGuard guard(lock_);
    Status done{};
    bool any = false;
    table_.for_each(range, [&](arch::Leaf leaf) {
        const u64 e = leaf.entry->load(std::memory_order_acquire);
        if (!done || leaf.level == arch::level_4k || (e & STILL_PTE_PINNED) == 0)
            return;
        leaf.entry->fetch_and(~STILL_PTE_PINNED); // of its parts some are
        done = table_.split(leaf);
        any = true;
    });
    if (!done)
        return fail(done.error());
    return any;
}

// Whether the page at a, 4 KiB of a leaf of any size, is this one.
bool AddressSpace::leads_to(UserAddr a, PhysAddr frame) const NO_THREAD_SAFETY
{
    const arch::Leaf leaf = table_.find(a);
    const u64 e = leaf.entry == nullptr ? 0 : leaf.entry->load(std::memory_order_acquire);
    // Not present: without any right, but there all the same.
    return e != 0 && (e & STILL_PTE_FOREIGN) == 0 &&
           arch::leaf_frame(e, leaf.level) + (a - leaf.start) == frame;
}

Status AddressSpace::end_fork(AddressSpace& child, Departure& left) NO_THREAD_SAFETY
{
    FrameChain unowned;
    Status done{};
    {
        LockGuard guard(lock_);
        table_.for_each(left.range, [&](arch::Leaf leaf) NO_THREAD_SAFETY {
            u64 e = leaf.entry->load(std::memory_order_acquire);
            if (leaf.level != arch::level_4k || (e & STILL_PTE_PINNED) == 0)
                return;
            leaf.entry->fetch_and(~STILL_PTE_PINNED);
            const PhysAddr pinned = arch::leaf_frame(e, leaf.level);
            const Vma* vma = child.areas_.find(leaf.start);
            if (!done || vma == nullptr || !child.leads_to(leaf.start, pinned))
                return; // came to this address, and was pinned, after the child's copy was taken
            done = child.table_.split_at(leaf.start);
            if (done)
                done = child.table_.split_at(leaf.start + page_size);
            Frame* own = frames::allocate(NodeId(0), 0);
            if (!done || own == nullptr) {
                done = fail(Errno::nomem);
                if (own != nullptr)
                    frames::release(own, 0);
                return;
            }
            __builtin_memcpy(arch::direct(own->address()), arch::direct(pinned), page_size);
            child.table_.find(leaf.start)
                .entry->store(own->address().raw() |
                                  arch::leaf_bits(vma->prot, arch::level_4k, vma->traits.key),
                              std::memory_order_release);
            frames::disown(unowned, pinned, 0);
        });
        forking_ = false;
    }
    frames::release(unowned);
    release_tables(left);
    return done;
}

Result<bool> AddressSpace::begin_copy(UserAddr a, bool patches, PhysAddr& shared, Departure& left)
{
    LockGuard guard(lock_);
    for (;;) {
        const Vma* vma = areas_.find(a);
        const u64 may_write = vma != nullptr && (vma->prot & prot_write) != 0 ? STILL_PTE_WRITE : 0;
        const arch::Leaf leaf = table_.find(a);
        if (forking_ || is_discarded({a, a + 1}) || vma == nullptr || vma->kind == VmaKind::leaving ||
            (may_write == 0 && !patches) || leaf.entry == nullptr)
            return false;
        u64 e = leaf.entry->load(std::memory_order_acquire);
        if (!arch::is_present(e) || !is_others_too(e))
            return false;
        shared = arch::leaf_frame(e, leaf.level);
        if (!frames::is_shared(shared, order_of(leaf.level))) {
            // The others have gone: it is this process's alone, large as it is.
            if (leaf.entry->compare_exchange_strong(e, (e & ~STILL_PTE_SHARED) | may_write,
                                                    std::memory_order_acq_rel))
                return false;
            continue;
        }
        if (leaf.level != arch::level_4k) {
            TRY_STATUS(table_.split(leaf));
            continue;
        }
        // Nobody may read the old page once somebody has written to the new one: first it goes everywhere.
        if (!leaf.entry->compare_exchange_strong(e, (e & ~STILL_PTE_PRESENT) | STILL_PTE_DEPARTING,
                                                 std::memory_order_acq_rel))
            continue;
        left.range = {leaf.start, leaf.start + page_size};
        left.flush = true;
        left.zap = (e & STILL_PTE_SEEN) != 0;
        ++departures_;
        return true;
    }
}

void AddressSpace::end_copy(UserAddr a, PhysAddr shared, Frame* own, Departure& left)
{
    bool used = false;
    {
        LockGuard guard(lock_);
        --departures_;
        const Vma* vma = areas_.find(a);
        const arch::Leaf leaf = table_.find(a);
        const u64 e = leaf.entry == nullptr ? 0 : leaf.entry->load(std::memory_order_acquire);
        // Else it was unmapped or discarded meanwhile, and its page given up by whoever did that.
        if ((e & STILL_PTE_DEPARTING) != 0 && leaf.level == arch::level_4k &&
            arch::leaf_frame(e, leaf.level) == shared) {
            used = vma != nullptr && is_private_memory(*vma);
            leaf.entry->store(
                used ? own->address().raw() | arch::leaf_bits(vma->prot, leaf.level, vma->traits.key) : 0,
                std::memory_order_release);
            if ((e & STILL_PTE_QUARANTINED) == 0)
                frames::disown(left.frames, shared, 0);
        }
    }
    if (!used)
        frames::release(own, 0);
    frames::release(left.frames);
    release_tables(left);
}

} // namespace still
