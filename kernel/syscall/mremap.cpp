// SPDX-License-Identifier: BSD-2-Clause
// mremap(2): page-table entries move, not bytes; what was never touched stays untouched.
#include <exec/linux_memory.hpp>
#include <syscall/dispatch.hpp>
#include <syscall/memory.hpp>

namespace still {

namespace {

constexpr u64 may_move = 1, fixed = 2, dont_unmap = 4;

MapRequest like(const AddressSpace::AreaInfo& area, MappedFile* file, UserAddr from)
{
    MapRequest request;
    request.prot = area.prot;
    request.kind = area.kind;
    request.lazy = area.lazy;
    request.traits = area.traits;
    request.file = file;
    request.file_offset = file == nullptr ? 0 : area.file_offset + (from - area.range.start);
    return request;
}

struct Move {
    UserRange old;
    u64 new_size;
    MapRequest request; // where to
    bool keep;          // MREMAP_DONTUNMAP
};

// Reserves the new place, so that nobody else fills it; a range of that size, a leaving area.
Result<UserRange> reserve(Process& p, const Move& move)
{
    MapRequest place;
    place.hint = move.request.hint;
    place.length = move.new_size;
    place.fixed = move.request.fixed;
    place.traits.huge = move.request.traits.huge;
    return reserve_place(p, place, true);
}

SyscallResult move_area(Process& p, const AddressSpace::AreaInfo& area, const Move& move)
{
    const UserRange target = TRY(reserve(p, move));
    MapRequest request = move.request;
    request.hint = target.start;
    request.length = move.new_size;
    if (const Status done = move_range(p, move.old, request, move.keep); !done) {
        p.space.drop_reserved(target);
        return fail(done.error());
    }
    if (area.traits.locked || (!area.lazy && area.kind == VmaKind::anonymous))
        (void)populate(p, target);
    return target.start.raw();
}

SyscallResult move_in_linux(Task& task, const Call& call, UserRange old, u64 new_size, UserAddr area_end)
{
    UserRange target{};
    if ((call.arg[3] & fixed) != 0) {
        target = TRY(page_range(call.arg[4], new_size));
        if (target.overlaps(old) || target.start.raw() == 0)
            return fail(Errno::inval);
    }
    if (area_end < old.end)
        return fail(Errno::fault);
    if ((call.arg[3] & dont_unmap) != 0)
        return fail(Errno::inval); // Linux's mapping moves as a whole
    task.restart_nr = static_cast<i32>(call.nr);
    return TRY(remap_in_linux(task, old, new_size, (call.arg[3] & may_move) != 0, target.start)).raw();
}

// Areas that differ only in when they are filled are one to the program.
void extend(Process& p, AddressSpace::AreaInfo& area, UserAddr end)
{
    AddressSpace::AreaInfo next;
    while (area.range.end < end && area.kind == VmaKind::anonymous &&
           settled_area(p, area.range.end, end, next) && next.range.start == area.range.end &&
           next.kind == area.kind && next.prot == area.prot && next.stack == area.stack &&
           next.traits == area.traits) {
        area.range.end = next.range.end;
        area.lazy |= next.lazy;
    }
}

// MAP_HUGETLB: whole pages, and none more than there were.
Status check_huge(const Call& call, const AddressSpace::AreaInfo& area, UserRange& old, u64& new_size)
{
    if (area.traits.huge == 0)
        return {};
    const u64 rest = (1ull << area.traits.huge) - 1;
    old.end = UserAddr((old.end.raw() + rest) & ~rest);
    new_size = (new_size + rest) & ~rest;
    if ((old.start.raw() & rest) != 0 || new_size > old.size() || (call.arg[3] & dont_unmap) != 0 ||
        ((call.arg[3] & fixed) != 0 && (call.arg[4] & rest) != 0))
        return fail(Errno::inval);
    return {};
}

// Errors that come before anything is looked up.
Status check(const Call& call, UserRange old, u64 new_size)
{
    const u64 flags = call.arg[3];
    if ((flags & ~(may_move | fixed | dont_unmap)) != 0 ||
        ((flags & fixed) != 0 && (flags & may_move) == 0) ||
        ((flags & dont_unmap) != 0 && ((flags & may_move) == 0 || old.size() != new_size)) || new_size == 0)
        return fail(Errno::inval);
    if ((flags & fixed) != 0) {
        const UserRange target = TRY(page_range(call.arg[4], new_size));
        if (target.end.raw() > task_size || target.overlaps(old))
            return fail(Errno::inval);
    }
    return {};
}

} // namespace

SyscallResult sys_mremap(Task& task, const Call& call)
{
    Process& p = *task.owner;
    const u64 flags = call.arg[3];
    UserRange old = TRY(page_range(call.arg[0], call.arg[1]));
    u64 new_size = (call.arg[2] + page_size - 1) & ~(page_size - 1);
    TRY_STATUS(check(call, old, new_size));
    const Turn turn(p.space);
    AddressSpace::AreaInfo area;
    if (!settled_area(p, old.start, old.start + page_size, area) || area.range.start > old.start)
        return fail(Errno::fault);
    if (area.kind == VmaKind::mirrored)
        return move_in_linux(task, call, old, new_size, area.range.end);
    if (area.kind == VmaKind::foreign)
        return fail(Errno::inval);
    TRY_STATUS(check_huge(call, area, old, new_size));
    if ((flags & (fixed | dont_unmap)) == 0 && new_size <= old.size()) {
        if (new_size < old.size())
            TRY_STATUS(unmap(p, {old.start + new_size, old.end}));
        return old.start.raw();
    }
    if (old.empty())
        return fail(Errno::inval);
    if (new_size < old.size()) {
        TRY_STATUS(unmap(p, {old.start + new_size, old.end}));
        old.end = old.start + new_size;
    }
    extend(p, area, old.end);
    if (area.range.end < old.end)
        return fail(Errno::fault);
    const u64 more = new_size - old.size();
    if (area.traits.locked && more != 0 && !may_lock(task, more))
        return fail(Errno::again);
    if (!may_map(p, more, (area.prot & prot_write) != 0, true))
        return fail(Errno::nomem);
    MappedFile* file = nullptr;
    if (area.kind == VmaKind::file) {
        file = p.space.find_or_make_file(static_cast<u32>(area.file));
        if (file == nullptr)
            return fail(Errno::nomem);
    }
    if ((flags & (fixed | dont_unmap)) == 0) {
        MapRequest request = like(area, file, old.end);
        request.hint = old.end;
        request.length = more;
        request.fixed = true;
        if (map_area(p, request, false, !area.lazy && file == nullptr))
            return old.start.raw();
        if ((flags & may_move) == 0)
            return fail(Errno::nomem);
    }
    Move move{old, new_size, like(area, file, old.start), (flags & dont_unmap) != 0};
    move.request.fixed = (flags & fixed) != 0;
    move.request.hint = move.request.fixed || (flags & dont_unmap) != 0 ? UserAddr(call.arg[4]) : UserAddr();
    return move_area(p, area, move);
}

} // namespace still
