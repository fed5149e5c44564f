// SPDX-License-Identifier: BSD-2-Clause
// mmap(2) and its family.
#include <debug/log.hpp>
#include <exec/linux_memory.hpp>
#include <mm/frame_allocator.hpp>
#include <offload/ikc.hpp>
#include <syscall/dispatch.hpp>
#include <syscall/memory.hpp>

namespace still {

namespace {

constexpr u32 nr_mprotect = 10, nr_msync = 26, nr_mincore = 27;
constexpr u64 map_shared = 1, map_private = 2, map_shared_validate = 3, map_type = 0xf, map_fixed = 0x10,
              map_anonymous = 0x20, map_32bit = 0x40, map_growsdown = 0x100, map_locked = 0x2000,
              map_noreserve = 0x4000, map_populate = 0x8000, map_stack = 0x20000, map_hugetlb = 0x40000,
              map_fixed_noreplace = 0x100000;

// Files up to this size are read when they are mapped; larger ones on demand.
constexpr u64 eager_file_bytes = 8 * MiB;

constexpr u64 map_huge_shift = 26;

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

// MAP_HUGETLB: whole pages of a size that the CPU has.
Status make_huge(MapRequest& request, u64 flags)
{
    const u64 shift = flags >> map_huge_shift & 0x3f;
    if (shift != 0 && shift != huge_shift_2m && shift != huge_shift_1g)
        return fail(Errno::inval);
    request.traits.huge = shift == huge_shift_1g ? huge_shift_1g : huge_shift_2m;
    const u64 size = 1ull << request.traits.huge;
    if (request.fixed && !request.hint.aligned(size))
        return fail(Errno::inval);
    request.length = (request.length + size - 1) & ~(size - 1);
    request.hint = request.fixed ? request.hint : UserAddr();
    return {};
}

// Shared memory, and devices: Linux's own mapping, mirrored.
SyscallResult map_shared_memory(Task& task, const Call& call, MapRequest request, bool replace)
{
    if ((call.arg[3] & map_anonymous) != 0 && (call.arg[3] & map_hugetlb) != 0)
        TRY_STATUS(make_huge(request, call.arg[3]));
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

// There is no pool: what is there is used, and has to be there at once, but for MAP_NORESERVE.
SyscallResult map_huge(Process& p, u64 flags, MapRequest request, bool replace)
{
    const bool reserve = !request.traits.no_reserve;
    TRY_STATUS(make_huge(request, flags));
    request.lazy = !reserve;
    if (reserve && request.length > frames::free_bytes())
        return fail(Errno::nomem);
    return TRY(map_area(p, request, replace, reserve)).raw();
}

} // namespace

bool has_edge_in_huge(Process& p, UserRange range)
{
    for (const UserAddr edge : {range.start, range.end}) {
        AddressSpace::AreaInfo area;
        if (p.space.area(edge, area) && area.traits.huge != 0 && area.range.start < edge &&
            !edge.aligned(1ull << area.traits.huge))
            return true;
    }
    return false;
}

// As Linux's overcommit mode 0: what obviously can't be had is refused. RLIMIT_DATA counts what may be written.
bool may_map(Process& p, u64 length, bool writable, bool reserve)
{
    if (!writable)
        return true;
    if (reserve && length > frames::total_bytes())
        return false;
    const u64 limit = p.space.limit_data.soft;
    return limit == ~0ull || (length <= limit && p.space.count_bytes().data <= limit - length);
}

namespace {

// Does the part of the range that was not writable count from now on, and is there more than could ever be had?
bool may_become_writable(Process& p, UserRange range)
{
    if (range.size() <= frames::total_bytes() && p.space.limit_data.soft == ~0ull)
        return true;
    AddressSpace::AreaInfo area;
    for (UserAddr a = range.start; p.space.area(a, area) && area.range.start < range.end;
         a = area.range.end) {
        const UserRange piece{max(a, area.range.start), min(range.end, area.range.end)};
        const bool counts = area.kind != VmaKind::mirrored && (area.prot & prot_write) == 0;
        if (counts && !may_map(p, piece.size(), true, !area.traits.no_reserve))
            return false;
    }
    return true;
}

} // namespace

Result<UserRange> page_range(u64 start, u64 length)
{
    if ((start & (page_size - 1)) != 0)
        return fail(Errno::inval);
    const u64 rounded = (length + page_size - 1) & ~(page_size - 1);
    if (rounded < length || start + rounded < start)
        return fail(Errno::inval);
    return UserRange{UserAddr(start), UserAddr(start + rounded)};
}

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
    request.low = (flags & map_32bit) != 0;
    const bool replace = (flags & map_fixed_noreplace) == 0;
    Process& p = *task.owner;
    const u8 future = p.space.lock_future.load();
    const bool locked = (flags & map_locked) != 0 || future != 0;
    if (locked && !may_lock(task, request.length))
        return fail((flags & map_locked) != 0 && p.limit_memlock.soft == 0 ? Errno::perm : Errno::again);
    request.traits.locked = locked;
    request.traits.no_reserve = (flags & map_noreserve) != 0;
    if (type != map_private)
        return map_shared_memory(task, call, request, replace);
    if (request.prot == prot_exec)
        request.traits.key = key_for_execute_only(p);
    if (!may_map(p, request.length, (prot & prot_write) != 0, (flags & map_noreserve) == 0))
        return fail(Errno::nomem);
    if ((flags & map_anonymous) == 0) {
        if ((flags & (map_hugetlb | map_growsdown)) != 0)
            return fail(Errno::inval);
        return map_file(task, call, request, replace);
    }
    if ((flags & map_hugetlb) != 0)
        return map_huge(p, flags, request, replace);
    request.traits.grows_down = (flags & map_growsdown) != 0;
    const bool fill =
        (flags & (map_populate | map_locked)) != 0 || (future != 0 && (future & mcl_on_fault) == 0);
    const bool eager = is_eager(prot, flags, request.length) || fill;
    request.lazy = !eager;
    const auto placed = map_area(p, request, replace, eager);
    if (!placed)
        return fail(placed.error());
    return placed->raw();
}

SyscallResult sys_munmap(Task& task, const Call& call)
{
    const UserRange range = TRY(page_range(call.arg[0], call.arg[1]));
    if (range.empty() || range.end.raw() > task_size || splits_huge(*task.owner, range))
        return fail(Errno::inval);
    TRY_STATUS(unmap(*task.owner, range));
    return 0;
}

SyscallResult change_protection(Task& task, const Call& call, i32 key)
{
    constexpr u64 prot_sem = 8, grows_down = 0x01000000, grows_up = 0x02000000;
    const u64 grows = call.arg[2] & (grows_down | grows_up);
    const u64 prot = call.arg[2] & ~grows;
    if (grows == (grows_down | grows_up) || (call.arg[0] & (page_size - 1)) != 0)
        return fail(Errno::inval);
    if (call.arg[1] == 0)
        return 0;
    auto whole = page_range(call.arg[0], call.arg[1]);
    if (!whole || whole->empty())
        return fail(Errno::nomem);
    if ((prot & ~(7 | prot_sem)) != 0 || grows == grows_up)
        return fail(Errno::inval);
    Process& p = *task.owner;
    const Turn turn(p.space, p.space.shares_memory());
    if (key != AddressSpace::keep_key && !p.space.owns_key(key))
        return fail(Errno::inval);
    AddressSpace::AreaInfo area;
    if (grows == grows_down) {
        if (!p.space.area(whole->start, area) || area.range.start >= whole->end)
            return fail(Errno::nomem);
        if (!area.traits.grows_down && !area.stack)
            return fail(Errno::inval);
        whole->start = area.range.start;
    }
    if (splits_huge(p, *whole))
        return fail(Errno::inval);
    if ((prot & prot_write) != 0 && !may_become_writable(p, *whole))
        return fail(Errno::nomem);
    task.restart_nr = static_cast<i32>(call.nr);
    TRY_STATUS(each_in_linux(task, *whole, nr_mprotect, linux_prot(prot & 7)));
    if (key == AddressSpace::keep_key && (prot & 7) == prot_exec)
        if (const u8 own = key_for_execute_only(p); own != 0)
            key = own;
    TRY_STATUS(protect(p, *whole, static_cast<u8>(prot & 7), key));
    return 0;
}

SyscallResult sys_mprotect(Task& task, const Call& call)
{
    return change_protection(task, call, AddressSpace::keep_key);
}

SyscallResult sys_brk(Task& task, const Call& call)
{
    Process& p = *task.owner;
    AddressSpace& space = p.space;
    const Turn turn(space);
    const UserAddr wanted(call.arg[0]);
    const UserAddr old_top = space.brk_end.align_up(page_size);
    if (wanted < space.brk_start || wanted.raw() > task_size ||
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
        const u8 future = space.lock_future.load();
        request.traits.locked = future != 0;
        request.lazy = request.length > frames::free_bytes() / 8;
        const bool eager = !request.lazy || (future != 0 && (future & mcl_on_fault) == 0);
        if (request.length > frames::total_bytes() || (future != 0 && !may_lock(task, request.length)) ||
            !map_area(p, request, false, eager))
            return space.brk_end.raw();
    }
    space.brk_end = wanted;
    return wanted.raw();
}

SyscallResult sys_mincore(Task& task, const Call& call)
{
    if ((call.arg[0] & (page_size - 1)) != 0)
        return fail(Errno::inval);
    const auto whole = page_range(call.arg[0], call.arg[1]);
    if (!whole || whole->end.raw() > task_size)
        return fail(Errno::nomem);
    const UserRange range = *whole;
    if (call.arg[2] > task_size || range.size() / page_size > task_size - call.arg[2])
        return fail(Errno::fault);
    AddressSpace& space = task.owner->space;
    task.restart_nr = static_cast<i32>(call.nr);
    for (UserAddr a = range.start; a < range.end; a += page_size) {
        AddressSpace::AreaInfo area;
        if (!settled_area(*task.owner, a, range.end, area) || area.range.start > a)
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
    if ((call.arg[0] & (page_size - 1)) != 0)
        return fail(Errno::inval);
    const auto whole = page_range(call.arg[0], call.arg[1]);
    if (!whole)
        return fail(Errno::nomem);
    const UserRange range = *whole;
    AddressSpace::AreaInfo locked;
    for (UserAddr a = range.start; (call.arg[2] & invalidate) != 0 && a < range.end; a = locked.range.end) {
        if (!task.owner->space.area(a, locked) || locked.range.start >= range.end)
            break;
        if (locked.traits.locked)
            return fail(Errno::busy);
    }
    task.restart_nr = static_cast<i32>(call.nr);
    TRY_STATUS(each_in_linux(task, range, nr_msync, call.arg[2]));
    // The rest is private: there is nothing to write back, only holes to report.
    for (UserAddr a = range.start; a < range.end;) {
        AddressSpace::AreaInfo area;
        if (!settled_area(*task.owner, a, range.end, area) || area.range.start > a)
            return fail(Errno::nomem);
        a = area.range.end;
    }
    return 0;
}

} // namespace still
