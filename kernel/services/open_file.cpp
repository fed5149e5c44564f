// SPDX-License-Identifier: BSD-2-Clause
#include <mm/frame_allocator.hpp>
#include <services/file_locks.hpp>
#include <services/polling.hpp>

namespace still::services {

void OpenFile::release()
{
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) != 1)
        return;
    if (watchers != nullptr)
        forget_watched(*this);
    release_file_locks(*this);
    if (ops != nullptr && ops->close != nullptr)
        ops->close(*this);
    destroy(this);
}

void Descriptors::release()
{
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1)
        destroy(this);
}

Descriptors::~Descriptors()
{
    close_range(0, max_descriptors - 1, false, false);
    LockGuard guard(lock_);
    for (Descriptor* page : pages_)
        if (page != nullptr)
            frames::release_memory(page, 0);
}

Descriptors::Descriptor* Descriptors::find(u64 fd)
{
    if (fd >= max_descriptors || pages_[fd / per_page] == nullptr)
        return nullptr;
    Descriptor* d = &pages_[fd / per_page][fd % per_page];
    return d->file != nullptr ? d : nullptr;
}

Descriptors::Descriptor* Descriptors::room_for(u32 fd)
{
    Descriptor*& page = pages_[fd / per_page];
    if (page == nullptr)
        page = static_cast<Descriptor*>(frames::allocate_memory(this_cpu().arch.node, 0));
    return page == nullptr ? nullptr : &page[fd % per_page];
}

Result<FileRef> Descriptors::get(u64 fd)
{
    LockGuard guard(lock_);
    Descriptor* d = find(static_cast<u32>(fd));
    if (d == nullptr)
        return fail(Errno::badf);
    return FileRef::share(d->file);
}

Result<u32> Descriptors::add(const FileRef& file, bool close_on_exec, u32 from, u64 limit)
{
    LockGuard guard(lock_);
    limit = min<u64>(limit, max_descriptors);
    for (u32 fd = from; fd < limit; ++fd) {
        if (find(fd) != nullptr)
            continue;
        Descriptor* d = room_for(fd);
        if (d == nullptr)
            return fail(Errno::nomem);
        *d = {FileRef(file).take(), close_on_exec};
        return fd;
    }
    return fail(Errno::mfile);
}

Status Descriptors::put(u32 fd, const FileRef& file, bool close_on_exec, u64 limit)
{
    FileRef old;
    LockGuard guard(lock_);
    if (fd >= min<u64>(limit, max_descriptors))
        return fail(Errno::badf);
    Descriptor* d = room_for(fd);
    if (d == nullptr)
        return fail(Errno::nomem);
    old = FileRef(d->file);
    *d = {FileRef(file).take(), close_on_exec};
    return {};
}

Result<FileRef> Descriptors::remove(u64 fd)
{
    LockGuard guard(lock_);
    Descriptor* d = find(static_cast<u32>(fd));
    if (d == nullptr)
        return fail(Errno::badf);
    return FileRef(std::exchange(d->file, nullptr));
}

Result<bool> Descriptors::closes_on_exec(u64 fd)
{
    LockGuard guard(lock_);
    Descriptor* d = find(static_cast<u32>(fd));
    if (d == nullptr)
        return fail(Errno::badf);
    return d->close_on_exec;
}

Status Descriptors::set_close_on_exec(u64 fd, bool on)
{
    LockGuard guard(lock_);
    Descriptor* d = find(static_cast<u32>(fd));
    if (d == nullptr)
        return fail(Errno::badf);
    d->close_on_exec = on;
    return {};
}

i64 Descriptors::next_used(u64 fd)
{
    LockGuard guard(lock_);
    for (; fd < max_descriptors; ++fd) {
        if (pages_[fd / per_page] == nullptr)
            fd |= per_page - 1;
        else if (find(fd) != nullptr)
            return static_cast<i64>(fd);
    }
    return -1;
}

void Descriptors::close_range(u64 first, u64 last, bool only_on_exec, bool only_mark)
{
    for (i64 fd = next_used(first); fd >= 0 && static_cast<u64>(fd) <= last;
         fd = next_used(static_cast<u64>(fd) + 1)) {
        FileRef closed;
        LockGuard guard(lock_);
        Descriptor* d = find(static_cast<u64>(fd));
        if (d == nullptr)
            continue;
        if (only_mark)
            d->close_on_exec = true;
        else if (!only_on_exec || d->close_on_exec)
            closed = FileRef(std::exchange(d->file, nullptr));
    }
}

Descriptors* Descriptors::copy() NO_THREAD_SAFETY
{
    auto* other = make<Descriptors>();
    if (other == nullptr)
        return nullptr;
    LockGuard guard(lock_);
    for (u32 i = 0; i < num_pages; ++i) {
        if (pages_[i] == nullptr)
            continue;
        Descriptor* page = other->room_for(i * per_page);
        for (u32 n = 0; page != nullptr && n < per_page; ++n) {
            page[n] = pages_[i][n];
            if (page[n].file != nullptr)
                page[n].file->retain();
        }
    }
    return other;
}

} // namespace still::services
