// SPDX-License-Identifier: BSD-2-Clause
#include <arch/layout.hpp>
#include <exec/process_table.hpp>
#include <mm/frame_allocator.hpp>
#include <services/shared_memory.hpp>

namespace still::services {

namespace {

// All ranges, and what is in the page tables because of them. Before the process table's lock.
SpinLock maps_lock;
constexpr u64 awaited = STILL_PTE_MIRRORED | STILL_PTE_FOREIGN;

// While it lives the LWK does not use a page-table page again (stillcore/pte.h).
class Walk {
  public:
    explicit Walk(Image& image) : page_(image.page())
    {
        __atomic_fetch_add(&page_.walkers, 1, __ATOMIC_SEQ_CST);
    }
    ~Walk() { __atomic_fetch_sub(&page_.walkers, 1, __ATOMIC_SEQ_CST); }
    Walk(const Walk&) = delete;
    Walk& operator=(const Walk&) = delete;

  private:
    still_proc_page& page_;
};

// A process that stays while this lives.
class Held {
  public:
    explicit Held(const Image& image) : process_(hold_process(image.handle)) {}
    ~Held()
    {
        if (process_ != nullptr)
            let_process_go(*process_);
    }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    explicit operator bool() const { return process_ != nullptr; }
    Process& operator*() const { return *process_; }
    Process* operator->() const { return process_; }

  private:
    Process* process_;
};

MappedRange* find_range(const Image& image, UserAddr a) REQUIRES(maps_lock)
{
    for (MappedRange* r = image.ranges; r != nullptr; r = r->next)
        if (r->range.contains(a))
            return r;
    return nullptr;
}

void link_range(MappedRange& r) REQUIRES(maps_lock)
{
    r.next = r.image->ranges;
    r.image->ranges = &r;
    r.next_of_node = r.node->mappings;
    r.node->mappings = &r;
}

void unlink_range(MappedRange& r) REQUIRES(maps_lock)
{
    for (MappedRange** at = &r.image->ranges; *at != nullptr; at = &(*at)->next) {
        if (*at == &r) {
            *at = r.next;
            break;
        }
    }
    for (MappedRange** at = &r.node->mappings; *at != nullptr; at = &(*at)->next_of_node) {
        if (*at == &r) {
            *at = r.next_of_node;
            break;
        }
    }
}

// Entries of that range await their pages again. The caller shoots the translations down.
void forget_entries(Image& image, Process& p, UserRange range) REQUIRES(maps_lock)
{
    const Walk walk(image);
    for (UserAddr a = p.space.next_resident(range.start, range.end); a < range.end;
         a = p.space.next_resident(a + page_size, range.end)) {
        const arch::Leaf leaf = p.space.leaf_of(a);
        if (leaf.entry != nullptr && (leaf.entry->load() & STILL_PTE_MIRRORED) != 0)
            leaf.entry->store(awaited, std::memory_order_release);
    }
}

// Has ranges begin and end at a. false: no memory.
bool split_at(Image& image, UserAddr a, MappedRange*& spare) REQUIRES(maps_lock)
{
    MappedRange* r = find_range(image, a);
    if (r == nullptr || r->range.start == a)
        return true;
    if (spare == nullptr)
        return false;
    MappedRange* upper = std::exchange(spare, nullptr);
    upper->range = {a, r->range.end};
    upper->take_after(*r, image);
    upper->offset += a - r->range.start;
    r->range.end = a;
    link_range(*upper);
    return true;
}

// Two records, in case ranges have to be split; what is not used is freed.
struct Spares {
    MappedRange* first = make<MappedRange>();
    MappedRange* second = make<MappedRange>();
    ~Spares()
    {
        for (MappedRange* r : {first, second})
            if (r != nullptr)
                destroy(r);
    }
    Spares() = default;
    Spares(const Spares&) = delete;
    Spares& operator=(const Spares&) = delete;
};

void free_ranges(MappedRange* list)
{
    while (list != nullptr) {
        MappedRange* r = list;
        list = r->next;
        destroy(r);
    }
}

} // namespace

Result<u64> map_shared(Client& client, u64 address, u64 bytes, u64 prot, const NodeRef& node, bool may_write,
                       u64 offset)
{
    if (!node->is(mode_file))
        return fail(Errno::nodev);
    if ((prot & prot_write) != 0 && !may_write)
        return fail(Errno::acces);
    if (address == 0)
        return page_size; // only whether it could be
    auto* r = make<MappedRange>();
    if (r == nullptr)
        return fail(Errno::nomem);
    r->range = {UserAddr(address), UserAddr(address + bytes)};
    r->node = node;
    r->offset = offset;
    r->prot = static_cast<u8>(prot & 7);
    r->may_write = may_write;
    r->image = client.image;
    if (may_write)
        node->data.map_writable();
    LockGuard guard(maps_lock);
    link_range(*r);
    return address;
}

Status unmap_shared(Image& image, UserRange range)
{
    const Held p(image);
    if (!p)
        return {};
    Spares spares;
    MappedRange* gone = nullptr;
    {
        LockGuard guard(maps_lock);
        if (!split_at(image, range.start, spares.first) || !split_at(image, range.end, spares.second))
            return fail(Errno::nomem);
        forget_entries(image, *p, range);
        for (MappedRange *r = image.ranges, *next; r != nullptr; r = next) {
            next = r->next;
            if (!r->range.overlaps(range))
                continue;
            unlink_range(*r);
            r->next = gone;
            gone = r;
        }
    }
    shoot_down(p->space);
    free_ranges(gone);
    return {};
}

Status protect_shared(Image& image, UserRange range, u8 prot)
{
    const Held p(image);
    if (!p)
        return {};
    Spares spares;
    {
        LockGuard guard(maps_lock);
        for (MappedRange* r = image.ranges; r != nullptr; r = r->next)
            if (r->range.overlaps(range) && (prot & prot_write) != 0 && !r->may_write)
                return fail(Errno::acces);
        if (!split_at(image, range.start, spares.first) || !split_at(image, range.end, spares.second))
            return fail(Errno::nomem);
        for (MappedRange* r = image.ranges; r != nullptr; r = r->next)
            if (r->range.overlaps(range))
                r->prot = prot;
        forget_entries(image, *p, range);
    }
    shoot_down(p->space);
    return {};
}

Result<u64> remap_shared(Image& image, u64 old, u64 old_bytes, u64 new_bytes, u64 target)
{
    auto* fresh = make<MappedRange>();
    if (fresh == nullptr)
        return fail(Errno::nomem);
    {
        LockGuard guard(maps_lock);
        MappedRange* r = find_range(image, UserAddr(old));
        if (r == nullptr) {
            destroy(fresh);
            return fail(Errno::fault);
        }
        fresh->take_after(*r, image);
        fresh->offset += UserAddr(old) - r->range.start;
        if (target == 0) { // what follows is free: one range more behind it
            fresh->range = {UserAddr(old + old_bytes), UserAddr(old + new_bytes)};
            fresh->offset += old_bytes;
        } else {
            fresh->range = {UserAddr(target), UserAddr(target + new_bytes)};
        }
        link_range(*fresh);
    }
    if (target != 0 && old_bytes != 0)
        TRY_STATUS(unmap_shared(image, {UserAddr(old), UserAddr(old + old_bytes)}));
    return target != 0 ? target : old;
}

Status mirror_page(Image& image, u64 address, bool is_write)
{
    const Held p(image);
    if (!p)
        return fail(Errno::srch);
    const UserAddr a(address);
    LockGuard guard(maps_lock);
    MappedRange* r = find_range(image, a);
    if (r == nullptr)
        return fail(Errno::fault);
    if (r->prot == prot_none || (is_write && (r->prot & prot_write) == 0))
        return fail(Errno::acces);
    const PhysAddr page = TRY(r->node->data.page_for_mapping((r->offset + (a - r->range.start)) / page_size));
    if (page == PhysAddr())
        return fail(Errno::nxio);
    const Walk walk(image);
    const arch::Leaf leaf = p->space.leaf_of(a);
    if (leaf.entry == nullptr || leaf.level != arch::level_4k)
        return {};
    u64 expected = awaited;
    leaf.entry->compare_exchange_strong(expected, page.raw() | awaited | arch::leaf_bits(r->prot, leaf.level),
                                        std::memory_order_acq_rel);
    return {}; // whatever it was: the LWK looks again
}

Status copy_shared(const Image& from, Image& to)
{
    // Records first, since memory may have to be made free for them.
    for (;;) {
        u32 count = 0;
        {
            LockGuard guard(maps_lock);
            for (MappedRange* r = from.ranges; r != nullptr; r = r->next)
                ++count;
        }
        MappedRange* fresh = nullptr;
        for (u32 i = 0; i < count; ++i) {
            auto* r = make<MappedRange>();
            if (r == nullptr) {
                free_ranges(fresh);
                return fail(Errno::nomem);
            }
            r->next = fresh;
            fresh = r;
        }
        {
            LockGuard guard(maps_lock);
            u32 now = 0;
            for (MappedRange* r = from.ranges; r != nullptr; r = r->next)
                ++now;
            for (MappedRange* r = from.ranges; r != nullptr && now == count; r = r->next) {
                MappedRange* copy = fresh;
                fresh = copy->next;
                copy->range = r->range;
                copy->take_after(*r, to);
                link_range(*copy);
            }
            if (now == count)
                return {};
        }
        free_ranges(fresh);
    }
}

void unmap_all_shared(Image& image)
{
    MappedRange* gone = nullptr;
    {
        LockGuard guard(maps_lock);
        while (image.ranges != nullptr) {
            MappedRange* r = image.ranges;
            unlink_range(*r);
            r->next = gone;
            gone = r;
        }
    }
    free_ranges(gone);
}

namespace {

// The next mapping of the file that has entries behind its end is cleared and held; nullptr: there is none.
Process* clear_behind_end(Node& node, u64 first_gone, u32 skip)
{
    LockGuard guard(maps_lock);
    for (MappedRange* r = node.mappings; r != nullptr; r = r->next_of_node) {
        if (skip-- != 0)
            continue;
        Process* p = hold_process(r->image->handle);
        if (p == nullptr)
            continue;
        const u64 start = first_gone > r->offset ? first_gone - r->offset : 0;
        if (start < r->range.size())
            forget_entries(*r->image, *p, {r->range.start + start, r->range.end});
        return p;
    }
    return nullptr;
}

} // namespace

Status resize_file(Node& node, u64 size)
{
    FrameChain unused;
    const u64 old = node.data.size();
    TRY_STATUS(node.data.resize(size, unused));
    if (size < old) {
        const u64 first_gone = (size + page_size - 1) & ~(page_size - 1);
        for (u32 i = 0;; ++i) {
            Process* p = clear_behind_end(node, first_gone, i);
            if (p == nullptr)
                break;
            shoot_down(p->space);
            let_process_go(*p);
        }
    }
    frames::release(unused);
    return {};
}

u64 copy_mapped(Image& image, u64 address, void* kernel, u64 bytes, bool is_write)
{
    // Under the lock nobody takes the page away.
    LockGuard guard(maps_lock);
    const MappedRange* r = find_range(image, UserAddr(address));
    if (r == nullptr || (r->prot & (is_write ? prot_write : prot_read)) == 0)
        return 0;
    const u64 at = r->offset + (UserAddr(address) - r->range.start);
    const auto page = r->node->data.page_for_mapping(at / page_size);
    if (!page || *page == PhysAddr())
        return 0;
    bytes = min(bytes, page_size - at % page_size);
    auto* place = arch::direct<u8>(*page) + at % page_size;
    __builtin_memcpy(is_write ? place : kernel, is_write ? kernel : place, bytes);
    return bytes;
}

NodeRef node_of_mapping(Image& image, UserAddr a)
{
    LockGuard guard(maps_lock);
    const MappedRange* r = find_range(image, a);
    return r != nullptr ? r->node : NodeRef();
}

bool find_shared_word(Image& image, u64 address, u64& ino, u64& offset)
{
    LockGuard guard(maps_lock);
    const MappedRange* r = find_range(image, UserAddr(address));
    if (r == nullptr)
        return false;
    ino = r->node->ino;
    offset = r->offset + (UserAddr(address) - r->range.start);
    return true;
}

} // namespace still::services
