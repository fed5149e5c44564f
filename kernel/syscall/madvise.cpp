// SPDX-License-Identifier: BSD-2-Clause
// madvise(2): what may be ignored is ignored, the rest works.
#include <exec/linux_memory.hpp>
#include <syscall/dispatch.hpp>
#include <syscall/memory.hpp>

namespace still {

namespace {

constexpr u32 nr_madvise = 28;

enum Advice : u64 {
    normal = 0,
    random = 1,
    sequential = 2,
    willneed = 3,
    dontneed = 4,
    free = 8,
    remove = 9,
    dont_fork = 10,
    do_fork = 11,
    mergeable = 12,
    unmergeable = 13,
    hugepage = 14,
    nohugepage = 15,
    dont_dump = 16,
    do_dump = 17,
    wipe_on_fork = 18,
    keep_on_fork = 19,
    cold = 20,
    pageout = 21,
    populate_read = 22,
    populate_write = 23,
    dontneed_locked = 24,
    collapse = 25,
    hwpoison = 100,
    soft_offline = 101,
};

bool is_known(u64 advice)
{
    return advice <= dontneed || (advice >= free && advice <= collapse) || advice == hwpoison ||
           advice == soft_offline;
}

// Does Linux refuse that advice for such an area?
Status check(const AddressSpace::AreaInfo& area, u64 advice)
{
    const bool anonymous = area.kind == VmaKind::anonymous;
    switch (advice) {
    case dontneed:
    case cold:
    case pageout:
        if (area.traits.locked)
            return fail(Errno::inval);
        break;
    case free:
    case wipe_on_fork:
        if (!anonymous)
            return fail(Errno::inval);
        break;
    case remove:
        return fail(anonymous || area.traits.locked ? Errno::inval : Errno::acces);
    case populate_read:
    case populate_write:
        if (area.prot == prot_none || (advice == populate_write && (area.prot & prot_write) == 0))
            return fail(Errno::inval);
        break;
    case do_fork:
        if (area.kind == VmaKind::foreign)
            return fail(Errno::inval);
        break;
    default:
        break;
    }
    return {};
}

// MAP_HUGETLB: whole pages only.
Status check_huge(Process& p, const AddressSpace::AreaInfo& area, u64 advice, UserRange& piece)
{
    const u64 size = 1ull << area.traits.huge;
    switch (advice) {
    case dontneed:
    case dontneed_locked:
        if (!piece.start.aligned(size))
            return fail(Errno::inval);
        piece.end = piece.end.align_down(size);
        return {};
    case free:
    case cold:
    case pageout:
    case wipe_on_fork:
    case keep_on_fork:
        return fail(Errno::inval);
    case remove:
        return fail(Errno::acces);
    case dont_fork:
    case do_fork:
        return splits_huge(p, piece) ? Status(fail(Errno::inval)) : Status{};
    default:
        return check(area, advice);
    }
}

Status apply(Process& p, UserRange range, u64 advice)
{
    switch (advice) {
    case dontneed:
    case dontneed_locked:
        return discard(p, range);
    case populate_read:
    case populate_write:
        if (const Status done = populate(p, range); !done)
            return fail(done.error() == Errno::fault ? Errno::nomem : done.error());
        return {};
    case dont_fork:
    case do_fork:
        return change_traits(p, range, [&](AreaTraits& t) { t.dont_fork = advice == dont_fork; });
    case wipe_on_fork:
    case keep_on_fork:
        return change_traits(p, range, [&](AreaTraits& t) { t.wipe_on_fork = advice == wipe_on_fork; });
    default:
        // Memory is never swapped, pages are as large as they can be, and MADV_FREE may keep what it likes.
        return {};
    }
}

} // namespace

SyscallResult sys_madvise(Task& task, const Call& call)
{
    const u64 advice = call.arg[2] & 0xffffffff;
    const u64 length = (call.arg[1] + page_size - 1) & ~(page_size - 1);
    if (!is_known(advice) || (call.arg[0] & (page_size - 1)) != 0 || (call.arg[1] != 0 && length == 0) ||
        call.arg[0] + length < call.arg[0])
        return fail(Errno::inval);
    if (length == 0)
        return 0;
    if (advice == hwpoison || advice == soft_offline)
        return fail(Errno::perm); // memory of the instance is not given up
    const UserRange range{UserAddr(call.arg[0]), UserAddr(call.arg[0] + length)};
    Process& p = *task.owner;
    task.restart_nr = static_cast<i32>(call.nr);
    // A fork copies the proxy's mappings for itself: what is advised about that goes to both.
    TRY_STATUS(each_in_linux(task, range, nr_madvise, advice));
    // Area by area, as Linux does; holes are reported when all the rest is done (madvise(2)).
    bool holes = false;
    AddressSpace::AreaInfo area;
    for (UserAddr a = range.start; a < range.end; a = area.range.end) {
        if (!settled_area(p, a, range.end, area) || area.range.start >= range.end) {
            holes = true;
            break;
        }
        holes |= area.range.start > a;
        const bool populates = advice == populate_read || advice == populate_write;
        if (holes && populates)
            break;
        if (area.kind == VmaKind::mirrored)
            continue;
        UserRange piece{max(a, area.range.start), min(range.end, area.range.end)};
        TRY_STATUS(area.traits.huge != 0 ? check_huge(p, area, advice, piece) : check(area, advice));
        TRY_STATUS(apply(p, piece, advice));
    }
    if (holes)
        return fail(Errno::nomem);
    return 0;
}

} // namespace still
