// SPDX-License-Identifier: BSD-2-Clause
#include <arch/layout.hpp>
#include <base/spin_lock.hpp>
#include <mm/file_cache.hpp>
#include <mm/frame_allocator.hpp>

namespace still::file_cache {

namespace {

// On the list of all by age, or of the unused. Linked into its bucket by hand.
struct Entry : ListHook {
    Name name{};
    Piece piece;
    Entry* next = nullptr;
};

constexpr u32 num_buckets = 4096;

SpinLock lock;
Entry* buckets[num_buckets] GUARDED_BY(lock);
bi::list<Entry, bi::constant_time_size<false>> by_age GUARDED_BY(lock); // the oldest first
bi::list<Entry, bi::constant_time_size<false>> unused GUARDED_BY(lock);
std::atomic<u64> cached{0};

Entry*& bucket_of(Name name) REQUIRES(lock)
{
    return buckets[((name.key ^ name.index) * 0x9e3779b97f4a7c15) >> 52];
}

Entry* lookup(Name name) REQUIRES(lock)
{
    for (Entry* e = bucket_of(name); e != nullptr; e = e->next)
        if (e->name == name)
            return e;
    return nullptr;
}

void count(const Entry& e, bool more)
{
    const u64 bytes = e.piece.pages * page_size;
    frames::count_lent(e.piece.first->address(), more ? bytes : 0, more ? 0 : bytes);
    more ? cached.fetch_add(bytes) : cached.fetch_sub(bytes);
}

void hold(const Piece& piece)
{
    for (u32 i = 0; i < piece.pages; ++i)
        frames::share(piece.first[i].address(), 0);
}

void disown(FrameChain& unowned, Frame* first, u32 pages)
{
    if (pages == piece_pages) {
        frames::disown(unowned, first->address(), piece_order);
        return;
    }
    for (u32 i = 0; i < pages; ++i)
        frames::disown(unowned, first[i].address(), 0);
}

bool is_mapped(const Piece& piece)
{
    for (u32 i = 0; i < piece.pages; ++i)
        if (frames::is_shared(piece.first[i].address(), 0))
            return true;
    return false;
}

void evict(Entry& e, FrameChain& unowned) REQUIRES(lock)
{
    for (Entry** at = &bucket_of(e.name);; at = &(*at)->next)
        if (*at == &e) {
            *at = e.next;
            break;
        }
    by_age.erase(by_age.iterator_to(e));
    count(e, false);
    disown(unowned, e.piece.first, e.piece.pages);
    unused.push_back(e);
}

bool refill_unused()
{
    auto* page = static_cast<u8*>(frames::keep_memory(0)); // may come by shrink()
    if (page == nullptr)
        return false;
    LockGuard guard(lock);
    for (u64 at = 0; at + sizeof(Entry) <= page_size; at += sizeof(Entry))
        unused.push_back(*new (page + at) Entry);
    return true;
}

// What the cache may take: the rest stays in one piece, for large pages.
u64 most()
{
    return frames::total_bytes() / 4;
}

bool insert(Name name, const Piece& piece)
{
    LockGuard guard(lock);
    if (unused.empty() || lookup(name) != nullptr)
        return false;
    Entry& e = unused.front();
    unused.pop_front();
    e.name = name;
    e.piece = piece;
    e.next = bucket_of(name);
    bucket_of(name) = &e;
    by_age.push_back(e);
    count(e, true);
    return true;
}

} // namespace

void init()
{
    frames::set_lender(shrink);
}

bool has(Name name)
{
    LockGuard guard(lock);
    return lookup(name) != nullptr;
}

bool find(Name name, Piece& piece)
{
    LockGuard guard(lock);
    Entry* e = lookup(name);
    if (e == nullptr)
        return false;
    by_age.splice(by_age.end(), by_age, by_age.iterator_to(*e));
    piece = e->piece;
    hold(piece);
    return true;
}

void put(Name name, Piece piece)
{
    for (u32 i = piece.pages; i < piece_pages; ++i)
        frames::release(&piece.first[i], 0);
    bool room = cached.load() + piece_bytes <= most() || shrink(piece_bytes);
    if (room) {
        lock.lock();
        const bool none = unused.empty();
        lock.unlock();
        room = !none || refill_unused();
    }
    if (!room || !insert(name, piece))
        let_go(piece.first, piece.pages);
}

void let_go(Frame* first, u32 pages)
{
    FrameChain unowned;
    for (u32 i = 0; i < pages; ++i)
        frames::disown(unowned, first[i].address(), 0);
    frames::release(unowned);
}

bool shrink(u64 bytes)
{
    FrameChain unowned;
    u64 got = 0;
    {
        LockGuard guard(lock);
        for (auto it = by_age.begin(); it != by_age.end() && got < bytes;) {
            Entry& e = *it++;
            if (is_mapped(e.piece))
                continue;
            got += e.piece.pages * page_size;
            evict(e, unowned);
        }
    }
    frames::release(unowned);
    return got != 0;
}

u64 drop()
{
    FrameChain unowned;
    const u64 before = cached.load();
    {
        LockGuard guard(lock);
        while (!by_age.empty())
            evict(by_age.front(), unowned);
    }
    frames::release(unowned);
    return before;
}

u64 bytes()
{
    return cached.load();
}

} // namespace still::file_cache
