// SPDX-License-Identifier: BSD-2-Clause
#include <debug/panic.hpp>
#include <mm/address_space.hpp>
#include <mm/frame_allocator.hpp>
#include <mm/object_cache.hpp>

namespace still {

namespace {

ObjectCache<Vma> vma_cache;
ObjectCache<MappedFile> file_cache;

VmaSource vma_source()
{
    return {[](void*) { return vma_cache.make(); }, [](void*, Vma* v) { vma_cache.destroy(v); }, nullptr};
}

constexpr u64 lowest_hint = 64 * KiB;
// Where Linux puts MAP_32BIT mappings; it begins at random below the first.
constexpr UserRange low_range{UserAddr(0x42000000), UserAddr(0x80000000)};

// Gives up what the entry maps: frames that nobody else owns are chained.
void give_up(FrameChain& chain, u64 e, u32 level)
{
    const PhysAddr address = arch::leaf_frame(e, level);
    if ((e & STILL_PTE_SHARED) != 0) {
        frames::disown(chain, address, 9 * level);
        return;
    }
    Frame* frame = frames::lookup(address);
    STILL_ASSERT(frame != nullptr);
    frame->order = 9 * level;
    chain.push_back(*frame);
}

} // namespace

AddressSpace::AddressSpace()
    : areas_(vma_source()), table_({[](void*) { return frames::table_page(); }, retire_table, this})
{
}

AddressSpace::~AddressSpace() = default;

void AddressSpace::retire_table(void* self, PhysAddr page)
{
    Frame* frame = frames::lookup(page);
    frame->order = 0;
    static_cast<AddressSpace*>(self)->retired_.push_back(*frame);
}

Status AddressSpace::init(const still_proc_page& page, const u32* walkers)
{
    if (page.num_app_ranges == 0 || page.num_app_ranges > STILL_MAX_APP_RANGES)
        return fail(Errno::inval);
    u64 previous = page_size;
    for (u32 i = 0; i < page.num_app_ranges; ++i) {
        const still_range& r = page.app[i];
        if (r.start < previous || r.end <= r.start || r.end > 0x7ffffffff000 ||
            ((r.start | r.end) & (page_size - 1)))
            return fail(Errno::inval);
        app_[i] = {UserAddr(r.start), UserAddr(r.end)};
        previous = r.end;
    }
    num_app_ = page.num_app_ranges;
    walkers_ = walkers;
    limit_as = page.limit_as;
    limit_data = page.limit_data;
    mmap_top = app_[num_app_ - 1].end;
    TRY_STATUS(table_.create());
    return make_loaded_root();
}

bool AddressSpace::is_app_range(UserRange range) const
{
    for (u32 i = 0; i < num_app_; ++i)
        if (range.start >= app_[i].start && range.end <= app_[i].end && range.start < range.end)
            return true;
    return false;
}

Result<UserRange> AddressSpace::map(const MapRequest& request)
{
    LockGuard guard(lock_);
    if (request.kind == VmaKind::leaving && !request.over_leaving && yields_to_fork())
        return fail(Errno::again);
    if (!request.over_leaving &&
        (request.length > limit_as.soft || areas_.mapped_bytes() > limit_as.soft - request.length))
        return fail(Errno::nomem);
    Vma proto;
    proto.kind = request.kind;
    proto.prot = request.prot;
    proto.lazy = request.lazy;
    proto.stack = request.stack;
    proto.traits = request.traits;
    proto.in_linux = request.in_linux;
    proto.segment = request.segment;
    proto.file = request.file;
    proto.file_offset = request.file_offset;
    proto.range = {request.hint, request.hint + request.length};
    if (request.over_leaving) {
        auto it = areas_.first_behind(proto.range.start);
        STILL_ASSERT(it != areas_.end() && it->kind == VmaKind::leaving &&
                     it->range.start == proto.range.start && it->range.end == proto.range.end);
        (void)areas_.erase(it);
    } else if (request.fixed) {
        if (!is_app_range(proto.range))
            return fail(Errno::nomem);
        if (areas_.overlaps(proto.range))
            return fail(areas_.only_leaving(proto.range) ? Errno::again : Errno::exist);
    } else if (request.hint.raw() < lowest_hint || !is_app_range(proto.range) ||
               areas_.overlaps(proto.range) || (request.low && proto.range.end > low_range.end)) {
        const u64 align = request.traits.huge != 0         ? 1ull << request.traits.huge
                          : request.length >= page_size_1g ? page_size_1g
                          : request.length >= page_size_2m ? page_size_2m
                                                           : page_size;
        Result<UserAddr> place = fail(Errno::nomem);
        for (u32 i = num_app_; i-- > 0 && !place;) {
            UserRange bounds{max(app_[i].start, UserAddr(lowest_hint)), min(app_[i].end, mmap_top)};
            if (request.low)
                bounds = {max(bounds.start, low_range.start), min(bounds.end, low_range.end)};
            if (bounds.empty())
                continue;
            place = areas_.find_gap(request.length, align, bounds);
            if (!place && align != page_size && request.traits.huge == 0)
                place = areas_.find_gap(request.length, page_size, bounds);
        }
        if (!place)
            return fail(place.error());
        proto.range = {*place, *place + request.length};
    }
    TRY_STATUS(areas_.insert(proto));
    if (proto.traits.huge != 0)
        uses_huge_.store(true, std::memory_order_relaxed);
    if (areas_.mapped_bytes() > peak_mapped_bytes())
        peak_mapped_.store(areas_.mapped_bytes(), std::memory_order_relaxed);
    return proto.range;
}

void AddressSpace::drop_file(MappedFile* file, MappedFile*& chain)
{
    if (file == nullptr)
        return;
    file->next_closed = chain;
    chain = file;
}

// The leaf lies wholly in the range that leaves.
void AddressSpace::remove_leaf(arch::Leaf leaf, Departure& left)
{
    u64 e = leaf.entry->load(std::memory_order_acquire);
    for (;;) {
        // A shared frame has one owner fewer only after the flush: another may free it at once.
        const bool departs = (e & (STILL_PTE_SEEN | STILL_PTE_SHARED)) != 0;
        const u64 next = departs ? (e & ~STILL_PTE_PRESENT) | STILL_PTE_DEPARTING : 0;
        if (!leaf.entry->compare_exchange_weak(e, next, std::memory_order_acq_rel))
            continue;
        left.departed |= departs;
        left.zap |= (e & STILL_PTE_SEEN) != 0;
        if ((e & STILL_PTE_FOREIGN) == 0) {
            resident_.fetch_sub(arch::level_bytes(leaf.level), std::memory_order_relaxed);
            if (!departs)
                give_up(left.frames, e, leaf.level);
        }
        left.flush = true;
        return;
    }
}

Status AddressSpace::begin_unmap(UserRange range, Departure& left)
{
    LockGuard guard(lock_);
    left.range = range;
    // What a child gets must stay where it is until it has it, and what is being copied or moved until that is done.
    if (yields_to_fork() || is_departing(range))
        return fail(Errno::again);
    auto it = areas_.first_behind(range.start);
    UserAddr covered = range.start;
    for (auto v = it; v != areas_.end() && v->range.start < range.end; ++v) {
        if (v->kind == VmaKind::leaving)
            return fail(Errno::again); // somebody else is at it
        if (v->range.start <= covered)
            covered = v->range.end;
    }
    TRY_STATUS(table_.split_at(range.start));
    TRY_STATUS(table_.split_at(range.end));
    TRY_STATUS(areas_.split_around(range));
    if (covered < range.end)
        TRY_STATUS(
            areas_.fill_holes(range)); // all that leaves in the range is the caller's until end_unmap()
    for (it = areas_.first_behind(range.start); it != areas_.end() && it->range.start < range.end; ++it) {
        if (it->hole)
            continue;
        // What Linux has there goes when the proxy unmaps it.
        if (it->in_linux)
            left.in_linux = true;
        else
            table_.for_each(it->range, [&](arch::Leaf leaf) NO_THREAD_SAFETY { remove_leaf(leaf, left); });
        if (it->file != nullptr && --it->file->refs == 0)
            drop_file(it->file, left.closed);
        it->file = nullptr;
        it->kind = VmaKind::leaving;
    }
    if (left.in_linux)
        ++left_linux;
    ++departures_;
    take_retired(left);
    return {};
}

void AddressSpace::reap_departed(Departure& left)
{
    if (!left.departed)
        return;
    table_.for_each(left.range, [&](arch::Leaf leaf) NO_THREAD_SAFETY {
        const u64 e = leaf.entry->load(std::memory_order_acquire);
        if ((e & STILL_PTE_DEPARTING) == 0)
            return;
        leaf.entry->store(0, std::memory_order_release);
        if ((e & STILL_PTE_QUARANTINED) == 0)
            give_up(left.frames, e, leaf.level);
    });
}

void AddressSpace::end_unmap(Departure& left, bool keep)
{
    {
        LockGuard guard(lock_);
        --departures_;
        reap_departed(left);
        auto it = areas_.first_behind(left.range.start);
        while (it != areas_.end() && it->range.start < left.range.end) {
            auto next = it;
            ++next;
            if (it->kind == VmaKind::leaving)
                (void)areas_.erase(it);
            it = next;
        }
        if (keep) {
            // One area for the whole range; the freed Vma objects make room for it.
            Vma proto;
            proto.kind = VmaKind::leaving;
            proto.range = left.range;
            STILL_ASSERT(areas_.insert(proto).has_value());
        }
    }
    frames::release(left.frames);
    release_tables(left);
}

Status AddressSpace::begin_protect(UserRange range, u8 prot, i32 key, Departure& left)
{
    LockGuard guard(lock_);
    left.range = range;
    if (areas_.any_leaving(range))
        return fail(Errno::again);
    UserAddr covered = range.start;
    for (auto it = areas_.first_behind(range.start); it != areas_.end() && it->range.start < range.end;
         ++it) {
        if (it->range.start > covered)
            return fail(Errno::nomem);
        if (it->kind == VmaKind::foreign && prot != it->prot)
            return fail(Errno::acces);
        covered = it->range.end;
    }
    if (covered < range.end)
        return fail(Errno::nomem);
    TRY_STATUS(table_.split_at(range.start));
    TRY_STATUS(table_.split_at(range.end));
    TRY_STATUS(areas_.split_around(range));
    for (auto it = areas_.first_behind(range.start); it != areas_.end() && it->range.start < range.end;
         ++it) {
        const bool is_own = it->kind != VmaKind::foreign && !it->in_linux;
        const u8 old_key = it->traits.key;
        if (is_own && key != keep_key)
            it->traits.key = static_cast<u8>(key);
        else if (old_key == execute_only_key_)
            it->traits.key = 0;
        const u8 new_key = it->traits.key;
        const bool loses = (it->prot & ~prot) != 0 || new_key != old_key;
        it->prot = prot;
        if (!is_own)
            continue;
        table_.for_each(it->range, [&](arch::Leaf leaf) {
            constexpr u64 keep = STILL_PTE_ADDRESS | STILL_PTE_SEEN | STILL_PTE_SHARED | STILL_PTE_PINNED;
            u64 e = leaf.entry->load(std::memory_order_acquire);
            u64 next;
            do {
                if ((e & STILL_PTE_DEPARTING) != 0)
                    return; // what comes in its place obeys the area
                next = (e & keep) | arch::leaf_bits(prot, leaf.level, new_key);
                if ((e & STILL_PTE_SHARED) != 0)
                    next &= ~STILL_PTE_WRITE;
            } while (!leaf.entry->compare_exchange_weak(e, next, std::memory_order_acq_rel));
            // Also a gain needs a flush where CPUs cache what they may not do; x86 faults and looks again.
            if (loses && arch::is_present(e)) {
                left.flush = true;
                left.zap |= (e & STILL_PTE_SEEN) != 0;
            }
        });
    }
    areas_.merge_around(range);
    return {};
}

void AddressSpace::end_protect(Departure& left)
{
    release_tables(left);
}

void AddressSpace::destroy()
{
    FrameChain all;
    {
        LockGuard guard(lock_);
        for (u32 i = 0; i < num_app_; ++i) {
            table_.for_each(app_[i], [&](arch::Leaf leaf) {
                const u64 e = leaf.entry->load(std::memory_order_acquire);
                if ((e & (STILL_PTE_FOREIGN | STILL_PTE_QUARANTINED)) == 0)
                    give_up(all, e, leaf.level);
            });
        }
        for (auto it = areas_.first_behind(UserAddr(0)); it != areas_.end();
             it = areas_.first_behind(UserAddr(0)))
            if (MappedFile* file = areas_.erase(it); file != nullptr)
                drop_file(file, closed_);
        drop_loaded_root();
        if (table_.root() != PhysAddr())
            table_.dismantle();
        all.splice(all.end(), retired_);
    }
    frames::release(all);
}

MappedFile* AddressSpace::take_closed()
{
    LockGuard guard(lock_);
    MappedFile* chain = closed_;
    closed_ = nullptr;
    return chain;
}

MappedFile* AddressSpace::find_or_make_file(u32 handle)
{
    {
        LockGuard guard(lock_);
        for (auto it = areas_.first_behind(UserAddr(0)); it != areas_.end(); ++it)
            if (it->file != nullptr && it->file->handle == handle)
                return it->file;
    }
    return make_file(handle);
}

MappedFile* AddressSpace::make_file(u32 handle)
{
    MappedFile* file = file_cache.make();
    if (file != nullptr)
        file->handle = handle;
    return file;
}

void AddressSpace::free_file(MappedFile* file)
{
    file_cache.destroy(file);
}

} // namespace still
