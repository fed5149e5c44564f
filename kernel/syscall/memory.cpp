// SPDX-License-Identifier: BSD-2-Clause
// mmap(2) and its family.
#include <debug/log.hpp>
#include <exec/linux_memory.hpp>
#include <mm/frame_allocator.hpp>
#include <offload/ikc.hpp>
#include <syscall/dispatch.hpp>

namespace still {

namespace {

constexpr u32 nr_mprotect = 10, nr_msync = 26, nr_mincore = 27, nr_madvise = 28, nr_mlock = 149,
              nr_munlock = 150, nr_mlock2 = 325;
constexpr u64 map_shared = 1, map_private = 2, map_shared_validate = 3, map_type = 0xf, map_fixed = 0x10,
              map_anonymous = 0x20, map_growsdown = 0x100, map_noreserve = 0x4000, map_populate = 0x8000,
              map_stack = 0x20000, map_hugetlb = 0x40000, map_fixed_noreplace = 0x100000;

// Files up to this size are read when they are mapped; larger ones on demand.
constexpr u64 eager_file_bytes = 8 * MiB;

Result<UserRange> page_range(u64 start, u64 length)
{
    if ((start & (page_size - 1)) != 0)
        return fail(Errno::inval);
    const u64 rounded = (length + page_size - 1) & ~(page_size - 1);
    if (rounded < length || start + rounded < start)
        return fail(Errno::inval);
    return UserRange{UserAddr(start), UserAddr(start + rounded)};
}

// Eager memory is for what is meant to be used: see docs/architecture.md.
bool is_eager(u64 prot, u64 flags, u64 length)
{
    return (prot & prot_write) != 0 && (flags & (map_stack | map_noreserve | map_growsdown)) == 0 &&
           length <= frames::free_bytes() / 8;
}

// What is writable or executable is readable too on x86; the mirror needs to be told.
u64 linux_prot(u64 prot)
{
    return (prot & (prot_write | prot_exec)) != 0 ? prot | prot_read : prot;
}

// Shared memory, and devices: Linux's own mapping, mirrored.
SyscallResult map_shared_memory(Task& task, const Call& call, const MapRequest& request, bool replace)
{
    const u64 flags = call.arg[3] & ~(map_fixed | map_fixed_noreplace);
    const u64 fd = (flags & map_anonymous) != 0 ? ~0ull : call.arg[4];
    task.restart_nr = static_cast<i32>(call.nr);
    return TRY(map_file_in_linux(task, request, replace, {linux_prot(call.arg[2]), flags, fd, call.arg[5]}))
        .raw();
}

SyscallResult map_file(Task& task, const Call& call, MapRequest request, bool replace)
{
    const u64 flags = call.arg[3];
    const auto handle =
        offload(task, STILL_CALL_MAP_FILE, call.arg[4], call.arg[2], flags, call.arg[1], call.arg[5]);
    if (!handle)
        return fail(handle.error());
    if (*handle == -static_cast<i64>(Errno::nodev))
        return map_shared_memory(task, call, request, replace); // a device's memory is Linux's
    if (*handle < 0)
        return fail(static_cast<Errno>(-*handle));
    Process& p = *task.owner;
    MappedFile* file = p.space.find_or_make_file(static_cast<u32>(*handle));
    if (file == nullptr)
        return fail(Errno::nomem);
    request.kind = VmaKind::file;
    request.file = file;
    request.file_offset = call.arg[5];
    const bool eager = request.length <= eager_file_bytes || (flags & map_populate) != 0;
    request.lazy = !eager;
    const auto placed = map_area(p, request, replace, eager);
    if (!placed) {
        if (file->refs == 0) {
            still_msg m{};
            m.kind = STILL_MSG_FILE_CLOSE;
            m.proc = p.handle;
            m.arg[0] = file->handle;
            ikc::send(m);
            p.space.free_file(file);
        }
        return fail(placed.error());
    }
    return placed->raw();
}

} // namespace

SyscallResult sys_mmap(Task& task, const Call& call)
{
    const u64 length = call.arg[1];
    const u64 prot = call.arg[2];
    const u64 flags = call.arg[3];
    const u64 type = flags & map_type;
    if (length == 0 || (call.arg[5] & (page_size - 1)) != 0 ||
        (type != map_shared && type != map_private && type != map_shared_validate))
        return fail(Errno::inval);
    const bool fixed = (flags & (map_fixed | map_fixed_noreplace)) != 0;
    MapRequest request;
    request.length = (length + page_size - 1) & ~(page_size - 1);
    if (request.length == 0)
        return fail(Errno::nomem);
    if (fixed && (call.arg[0] & (page_size - 1)) != 0)
        return fail(Errno::inval);
    if (fixed && call.arg[0] + request.length < call.arg[0])
        return fail(Errno::nomem);
    request.hint = UserAddr(call.arg[0] & ~(page_size - 1));
    request.prot = prot & 7;
    request.fixed = fixed;
    const bool replace = (flags & map_fixed_noreplace) == 0;
    if (type != map_private)
        return map_shared_memory(task, call, request, replace);
    if ((flags & map_hugetlb) != 0)
        return fail(Errno::nomem); // as on a Linux whose pool is empty; large pages come by themselves
    if ((flags & map_anonymous) == 0)
        return map_file(task, call, request, replace);
    const bool eager = is_eager(prot, flags, request.length) || (flags & map_populate) != 0;
    request.lazy = !eager;
    // Linux's overcommit mode 0: what obviously can't be had is refused.
    if ((flags & map_noreserve) == 0 && (prot & prot_write) != 0 && request.length > frames::total_bytes())
        return fail(Errno::nomem);
    const auto placed = map_area(*task.owner, request, replace, eager);
    if (!placed)
        return fail(placed.error());
    return placed->raw();
}

SyscallResult sys_munmap(Task& task, const Call& call)
{
    const UserRange range = TRY(page_range(call.arg[0], call.arg[1]));
    if (range.empty() || range.end.raw() > 0x7ffffffff000)
        return fail(Errno::inval);
    TRY_STATUS(unmap(*task.owner, range));
    return 0;
}

SyscallResult sys_mprotect(Task& task, const Call& call)
{
    if ((call.arg[2] & ~7ull) != 0)
        return fail(Errno::inval); // PROT_GROWSDOWN and PROT_GROWSUP: stacks are mapped whole
    const UserRange range = TRY(page_range(call.arg[0], call.arg[1]));
    if (range.empty())
        return 0;
    task.restart_nr = static_cast<i32>(call.nr);
    TRY_STATUS(each_in_linux(task, range, nr_mprotect, linux_prot(call.arg[2])));
    TRY_STATUS(protect(*task.owner, range, static_cast<u8>(call.arg[2])));
    return 0;
}

SyscallResult sys_brk(Task& task, const Call& call)
{
    Process& p = *task.owner;
    AddressSpace& space = p.space;
    const UserAddr wanted(call.arg[0]);
    const UserAddr old_top = space.brk_end.align_up(page_size);
    if (wanted < space.brk_start || wanted.raw() > 0x7ffffffff000 ||
        wanted - space.brk_start > space.limit_data.soft)
        return space.brk_end.raw();
    const UserAddr new_top = wanted.align_up(page_size);
    if (new_top < old_top) {
        if (!unmap(p, {new_top, old_top}))
            return space.brk_end.raw();
    } else if (new_top > old_top) {
        MapRequest request;
        request.hint = old_top;
        request.length = new_top - old_top;
        request.prot = prot_read | prot_write;
        request.fixed = true;
        const bool eager = request.length <= frames::free_bytes() / 8;
        request.lazy = !eager;
        if (!map_area(p, request, false, eager))
            return space.brk_end.raw();
    }
    space.brk_end = wanted;
    return wanted.raw();
}

SyscallResult sys_madvise(Task& task, const Call& call)
{
    constexpr u64 normal = 0, random = 1, sequential = 2, willneed = 3, dontneed = 4, free = 8, hugepage = 14,
                  nohugepage = 15, dontdump = 16, dodump = 17, cold = 20, pageout = 21, populate_read = 22,
                  populate_write = 23;
    const UserRange range = TRY(page_range(call.arg[0], call.arg[1]));
    if (range.empty())
        return 0;
    Process& p = *task.owner;
    task.restart_nr = static_cast<i32>(call.nr);
    TRY_STATUS(each_in_linux(task, range, nr_madvise, call.arg[2]));
    switch (call.arg[2]) {
    case normal:
    case random:
    case sequential:
    case hugepage:
    case nohugepage:
    case dontdump:
    case dodump:
    case cold:
    case pageout: // advice: memory is never swapped, pages are as large as they can be
    case free:    // Linux may keep the contents until it needs the memory, which we never do
        break;
    case dontneed:
        TRY_STATUS(discard(p, range));
        break;
    case willneed:
    case populate_read:
    case populate_write:
        TRY_STATUS(populate(p, range));
        break;
    default: {
        // Advice that only Linux knows (MADV_REMOVE), for memory that is wholly Linux's.
        UserAddr at = range.start;
        TRY_STATUS(for_each_in_linux(p, range, [&](UserRange piece) -> Status {
            at = piece.start == at ? piece.end : at;
            return {};
        }));
        if (at != range.end)
            return fail(Errno::inval);
    }
    }
    // ENOMEM for holes, after the rest was done (madvise(2)).
    UserAddr at = range.start;
    AddressSpace::AreaInfo area;
    while (at < range.end) {
        if (!p.space.area(at, area) || area.range.start > at)
            return fail(Errno::nomem);
        at = area.range.end;
    }
    return 0;
}

SyscallResult sys_mremap(Task& task, const Call& call)
{
    constexpr u64 may_move = 1, fixed = 2;
    Process& p = *task.owner;
    const u64 flags = call.arg[3];
    if ((flags & ~(may_move | fixed)) != 0 || ((flags & fixed) != 0 && (flags & may_move) == 0))
        return fail(Errno::inval);
    const UserRange old = TRY(page_range(call.arg[0], call.arg[1]));
    const u64 new_size = TRY(page_range(0, call.arg[2])).size();
    AddressSpace::AreaInfo area;
    if (new_size != 0 && p.space.area(old.start, area) && area.kind == VmaKind::mirrored &&
        area.range.start <= old.start) {
        UserRange target{};
        if ((flags & fixed) != 0) {
            target = TRY(page_range(call.arg[4], new_size));
            if (target.overlaps(old) || target.start.raw() == 0)
                return fail(Errno::inval);
        }
        if (area.range.end < old.end)
            return fail(Errno::fault);
        task.restart_nr = static_cast<i32>(call.nr);
        return TRY(remap_in_linux(task, old, new_size, (flags & may_move) != 0, target.start)).raw();
    }
    if (new_size == 0 || old.empty())
        return fail(Errno::inval);
    if (!p.space.area(old.start, area) || area.range.start > old.start || area.range.end < old.end)
        return fail(Errno::fault);
    if (area.kind != VmaKind::anonymous)
        return fail(Errno::inval); // private file pages are not moved yet: callers copy
    if ((flags & fixed) == 0 && new_size <= old.size()) {
        if (new_size < old.size())
            TRY_STATUS(unmap(p, {old.start + new_size, old.end}));
        return old.start.raw();
    }
    MapRequest request;
    request.prot = area.prot;
    request.lazy = area.lazy;
    if ((flags & fixed) == 0) {
        request.hint = old.end;
        request.length = new_size - old.size();
        request.fixed = true;
        if (map_area(p, request, false, !area.lazy))
            return old.start.raw();
        if ((flags & may_move) == 0)
            return fail(Errno::nomem);
        request.fixed = false;
        request.hint = UserAddr();
    } else {
        const UserRange target = TRY(page_range(call.arg[4], new_size));
        if (target.overlaps(old))
            return fail(Errno::inval);
        request.hint = target.start;
        request.fixed = true;
    }
    request.length = new_size;
    request.prot = prot_read | prot_write;
    const auto placed = map_area(p, request, true, !area.lazy);
    if (!placed)
        return fail(placed.error());
    TRY_STATUS(copy_pages(p, old.start, *placed, min(old.size(), new_size)));
    TRY_STATUS(unmap(p, old));
    if (area.prot != request.prot)
        TRY_STATUS(protect(p, {*placed, *placed + new_size}, area.prot));
    return placed->raw();
}

SyscallResult sys_mincore(Task& task, const Call& call)
{
    const UserRange range = TRY(page_range(call.arg[0], call.arg[1]));
    AddressSpace& space = task.owner->space;
    task.restart_nr = static_cast<i32>(call.nr);
    for (UserAddr a = range.start; a < range.end; a += page_size) {
        AddressSpace::AreaInfo area;
        if (!space.area(a, area) || area.range.start > a)
            return fail(Errno::nomem);
        if (area.kind == VmaKind::mirrored) {
            const UserAddr end = min(area.range.end, range.end);
            TRY(ask_linux(task, nr_mincore, a.raw(), end - a, call.arg[2] + (a - range.start) / page_size));
            a = end - page_size;
            continue;
        }
        const u8 resident = space.is_resident(a) ? 1 : 0;
        TRY_STATUS(UserOut<u8>(call.arg[2]).write(resident, (a - range.start) / page_size));
    }
    return 0;
}

SyscallResult sys_msync(Task& task, const Call& call)
{
    constexpr u64 async = 1, invalidate = 2, sync = 4;
    if ((call.arg[2] & ~(async | invalidate | sync)) != 0 || (call.arg[2] & (async | sync)) == (async | sync))
        return fail(Errno::inval);
    const UserRange range = TRY(page_range(call.arg[0], call.arg[1]));
    task.restart_nr = static_cast<i32>(call.nr);
    TRY_STATUS(each_in_linux(task, range, nr_msync, call.arg[2]));
    // The rest is private: there is nothing to write back, only holes to report.
    for (UserAddr a = range.start; a < range.end;) {
        AddressSpace::AreaInfo area;
        if (!task.owner->space.area(a, area) || area.range.start > a)
            return fail(Errno::nomem);
        a = area.range.end;
    }
    return 0;
}

// Nothing is ever swapped: locking means making present.
SyscallResult sys_mlock(Task& task, const Call& call)
{
    const UserAddr start = UserAddr(call.arg[0]).align_down(page_size);
    const UserRange range = TRY(page_range(start.raw(), call.arg[1] + (call.arg[0] - start.raw())));
    if (range.size() > task.owner->limit_memlock.soft)
        return fail(Errno::nomem);
    task.restart_nr = static_cast<i32>(call.nr);
    TRY_STATUS(each_in_linux(task, range, nr_mlock, 0));
    TRY_STATUS(populate(*task.owner, range));
    return 0;
}
SyscallResult sys_mlock2(Task& task, const Call& call)
{
    if ((call.arg[2] & ~1ull) != 0)
        return fail(Errno::inval);
    if (call.arg[2] == 1) { // MLOCK_ONFAULT
        const UserAddr start = UserAddr(call.arg[0]).align_down(page_size);
        task.restart_nr = static_cast<i32>(call.nr);
        TRY_STATUS(each_in_linux(
            task, TRY(page_range(start.raw(), call.arg[1] + (call.arg[0] - start.raw()))), nr_mlock2, 1));
        return 0;
    }
    return sys_mlock(task, call);
}
SyscallResult sys_munlock(Task& task, const Call& call)
{
    const UserAddr start = UserAddr(call.arg[0]).align_down(page_size);
    const UserRange range = TRY(page_range(start.raw(), call.arg[1] + (call.arg[0] - start.raw())));
    task.restart_nr = static_cast<i32>(call.nr);
    TRY_STATUS(each_in_linux(task, range, nr_munlock, 0));
    return 0;
}
SyscallResult sys_mlockall(Task& task, const Call& call)
{
    constexpr u64 current = 1, future = 2, on_fault = 4;
    if (call.arg[0] == 0 || (call.arg[0] & ~(current | future | on_fault)) != 0 || call.arg[0] == on_fault)
        return fail(Errno::inval);
    if ((call.arg[0] & current) == 0 || (call.arg[0] & on_fault) != 0)
        return 0;
    AddressSpace::AreaInfo area;
    for (UserAddr a(0); task.owner->space.area(a, area); a = area.range.end)
        if (area.kind != VmaKind::leaving && area.kind != VmaKind::foreign && !area.lazy)
            TRY_STATUS(populate(*task.owner, area.range));
    return 0;
}
SyscallResult sys_munlockall(Task&, const Call&)
{
    return 0;
}

} // namespace still
