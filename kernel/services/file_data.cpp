// SPDX-License-Identifier: BSD-2-Clause
#include <arch/layout.hpp>
#include <mm/frame_allocator.hpp>
#include <sched/scheduler.hpp>
#include <services/file_data.hpp>

namespace still::services {

namespace {

constexpr u32 index_bits = 9;
std::atomic<u64> next_key{1};

PhysAddr* table_of(PhysAddr page)
{
    return arch::direct<PhysAddr>(page);
}

// Where files have taken all, whoever would say or mend that gets no page for it.
u64 left_to_programs()
{
    constexpr u64 most = 64 * MiB;
    return min(frames::total_bytes() / 16, most);
}

} // namespace

FileData::~FileData()
{
    FrameChain unused;
    {
        LockGuard guard(lock_);
        drop_from(0, unused);
    }
    frames::release(unused);
}

void FileData::refer_to(const u8* bytes, u64 size) NO_THREAD_SAFETY
{
    base_ = bytes;
    base_size_ = size;
    size_.store(size);
}

bool FileData::grow_tree(u64 index)
{
    while (index >> (index_bits * height_) != 0) {
        if (root_ != PhysAddr()) {
            void* table = frames::allocate_memory(this_cpu().arch.node, 0);
            if (table == nullptr)
                return false;
            static_cast<PhysAddr*>(table)[0] = root_;
            root_ = arch::direct_to_phys(table);
        }
        ++height_;
    }
    return true;
}

// nullptr: there is none, and none is to be made.
Result<PhysAddr*> FileData::slot(u64 index, bool make)
{
    if (index >> (index_bits * height_) != 0) {
        if (!make)
            return nullptr;
        if (!grow_tree(index))
            return fail(Errno::nospc);
    }
    PhysAddr* at = &root_;
    for (u32 level = height_; level-- > 0;) {
        if (*at == PhysAddr()) {
            if (!make)
                return nullptr;
            void* table = frames::allocate_memory(this_cpu().arch.node, 0);
            if (table == nullptr)
                return fail(Errno::nospc);
            *at = arch::direct_to_phys(table);
        }
        at = table_of(*at) + (index >> (index_bits * level) & ((1u << index_bits) - 1));
    }
    return at;
}

Result<PhysAddr> FileData::own_page(u64 index)
{
    PhysAddr* at = TRY(slot(index, true));
    if (*at != PhysAddr())
        return *at;
    if (frames::free_bytes() < left_to_programs())
        return fail(Errno::nospc);
    Frame* frame = frames::allocate(this_cpu().arch.node, 0);
    if (frame == nullptr)
        return fail(Errno::nospc);
    auto* bytes = arch::direct<u8>(frame->address());
    const u64 offset = index * page_size;
    const u64 old = offset < base_size_ ? min(base_size_ - offset, page_size) : 0;
    __builtin_memcpy(bytes, base_ + offset, old);
    __builtin_memset(bytes + old, 0, page_size - old);
    own_pages_.fetch_add(1, std::memory_order_relaxed);
    *at = frame->address();
    return *at;
}

Result<u64> FileData::read(u64 offset, const Buffer& to, u64 bytes)
{
    u64 done = 0;
    while (done < bytes) {
        const u64 at = offset + done;
        const u8* from = nullptr;
        PhysAddr page;
        u64 piece;
        {
            LockGuard guard(lock_);
            if (at >= size())
                break;
            piece = min(min(bytes - done, page_size - at % page_size), size() - at);
            const auto found = slot(at / page_size, false);
            if (PhysAddr* place = found ? *found : nullptr; place != nullptr)
                page = *place;
            if (page != PhysAddr())
                from = arch::direct<u8>(page) + at % page_size;
            else if (at < base_size_)
                from = base_ + at;
            // Up to the end of what the archive has, and of one unbroken piece of it.
            if (page == PhysAddr() && from != nullptr)
                piece = min(piece, base_size_ - at);
            if (page != PhysAddr())
                frames::share(page, 0);
        }
        const Status copied = from != nullptr ? to.put(done, from, piece) : to.put_zeros(done, piece);
        if (page != PhysAddr()) {
            FrameChain unused;
            frames::disown(unused, page, 0);
            frames::release(unused);
        }
        if (!copied)
            return done != 0 ? Result<u64>(done) : fail(copied.error());
        done += piece;
    }
    return done;
}

Result<u64> FileData::write(u64 offset, const Buffer& from, u64 bytes)
{
    if (offset >= max_file_bytes)
        return fail(Errno::fbig);
    bytes = min(bytes, max_file_bytes - offset);
    u64 done = 0;
    Status wrong;
    while (done < bytes && wrong) {
        const u64 at = offset + done;
        const u64 piece = min(bytes - done, page_size - at % page_size);
        PhysAddr page;
        {
            LockGuard guard(lock_);
            key_ = 0;
            const auto own = own_page(at / page_size);
            if (!own) {
                wrong = fail(own.error());
                break;
            }
            page = *own;
            frames::share(page, 0);
        }
        wrong = from.get(done, arch::direct<u8>(page) + at % page_size, piece);
        FrameChain unused;
        frames::disown(unused, page, 0);
        frames::release(unused);
        if (!wrong)
            break;
        done += piece;
        LockGuard guard(lock_);
        key_ = 0;
        if (at + piece > size())
            size_.store(at + piece);
    }
    if (done == 0 && !wrong)
        return fail(wrong.error());
    return done;
}

Status FileData::resize(u64 new_size, FrameChain& unused)
{
    if (new_size > max_file_bytes)
        return fail(Errno::fbig);
    LockGuard guard(lock_);
    key_ = 0;
    if (new_size < size()) {
        base_size_ = min(base_size_, new_size);
        drop_from((new_size + page_size - 1) / page_size, unused);
        // What lies behind the end in its page reads as zeros if the file grows again.
        const auto found = slot(new_size / page_size, false);
        if (new_size % page_size != 0 && found && *found != nullptr && **found != PhysAddr())
            __builtin_memset(arch::direct<u8>(**found) + new_size % page_size, 0,
                             page_size - new_size % page_size);
    }
    size_.store(new_size);
    return {};
}

void FileData::drop_level(PhysAddr table, u32 height, u64 first, u64 from, FrameChain& unused)
{
    if (height == 0) {
        frames::disown(unused, table, 0);
        own_pages_.fetch_sub(1, std::memory_order_relaxed);
        return;
    }
    const u64 span = 1ull << (index_bits * (height - 1));
    PhysAddr* entries = table_of(table);
    for (u64 i = 0; i < 1u << index_bits; ++i) {
        const u64 start = first + i * span;
        if (entries[i] == PhysAddr() || start + span <= from)
            continue;
        drop_level(entries[i], height - 1, start, from, unused);
        if (start >= from)
            entries[i] = PhysAddr();
    }
    if (first >= from)
        frames::release_memory(entries, 0);
}

void FileData::drop_from(u64 index, FrameChain& unused)
{
    if (root_ == PhysAddr() || (height_ == 0 && index > 0))
        return;
    drop_level(root_, height_, 0, index, unused);
    if (index == 0) {
        root_ = PhysAddr();
        height_ = 0;
    }
}

Result<PhysAddr> FileData::page_for_mapping(u64 index)
{
    LockGuard guard(lock_);
    if (index >= (size() + page_size - 1) / page_size)
        return PhysAddr();
    const auto page = own_page(index);
    if (!page)
        return fail(Errno::nomem);
    return *page;
}

u64 FileData::key()
{
    LockGuard guard(lock_);
    if (mapped_writable_)
        return 0;
    if (key_ == 0)
        key_ = next_key.fetch_add(1);
    return key_;
}

void FileData::map_writable()
{
    LockGuard guard(lock_);
    mapped_writable_ = true;
    key_ = 0;
}

} // namespace still::services
