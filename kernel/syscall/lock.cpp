// SPDX-License-Identifier: BSD-2-Clause
// mlock(2) and its family. Nothing is ever swapped: locking means making present, within RLIMIT_MEMLOCK.
#include <exec/linux_memory.hpp>
#include <syscall/dispatch.hpp>
#include <syscall/memory.hpp>

namespace still {

bool may_lock(Task& task, u64 more)
{
    Process& p = *task.owner;
    const u64 limit = p.limit_memlock.soft;
    if (limit != 0 && more <= limit && p.space.count_bytes().locked <= limit - more)
        return true;
    const auto rights = offload(task, STILL_CALL_SCHED_RIGHTS);
    return rights && *rights >= 0 && (*rights & STILL_RIGHT_LOCK) != 0;
}

namespace {

constexpr u32 nr_mlock = 149, nr_munlock = 150, nr_mlock2 = 325;

// The pages that [start, start+length) touches. Rounding may wrap: Linux then sees none.
Result<UserRange> touched_pages(u64 start, u64 length)
{
    const u64 first = start & ~(page_size - 1);
    return page_range(first, (length + (start - first) + page_size - 1) & ~(page_size - 1));
}

// Of all areas but those that somebody is just unmapping or mapping anew.
template <class Change> void change_all(Process& p, Change&& change)
{
    AddressSpace::AreaInfo area;
    for (UserAddr a(0); p.space.area(a, area); a = area.range.end)
        (void)p.space.change_traits(area.range, change);
}

SyscallResult lock(Task& task, const Call& call, bool on_fault)
{
    Process& p = *task.owner;
    const auto range = touched_pages(call.arg[0], call.arg[1]);
    if (p.limit_memlock.soft == 0 && !may_lock(task, 0))
        return fail(Errno::perm);
    if (range && !may_lock(task, range->size()))
        return fail(Errno::nomem);
    if (!range)
        return fail(range.error());
    if (range->empty())
        return 0;
    task.restart_nr = static_cast<i32>(call.nr);
    TRY_STATUS(each_in_linux(task, *range, on_fault ? nr_mlock2 : nr_mlock, on_fault ? 1 : 0));
    // MAP_HUGETLB is never swapped: there is nothing to lock.
    TRY_STATUS(change_traits(p, *range, [](AreaTraits& t) { t.locked = t.huge == 0; }));
    if (on_fault)
        return 0;
    const Status filled = populate(p, *range);
    AddressSpace::AreaInfo area;
    for (UserAddr a = range->start; filled && a < range->end && settled_area(p, a, range->end, area);
         a = area.range.end)
        if (area.prot == prot_none)
            return fail(Errno::nomem);
    if (!filled)
        return fail(filled.error() == Errno::nomem   ? Errno::again
                    : filled.error() == Errno::fault ? Errno::nomem
                                                     : filled.error());
    return 0;
}

} // namespace

SyscallResult sys_mlock(Task& task, const Call& call)
{
    return lock(task, call, false);
}

SyscallResult sys_mlock2(Task& task, const Call& call)
{
    constexpr u64 on_fault = 1;
    if ((call.arg[2] & ~on_fault) != 0)
        return fail(Errno::inval);
    return lock(task, call, call.arg[2] == on_fault);
}

SyscallResult sys_munlock(Task& task, const Call& call)
{
    const UserRange range = TRY(touched_pages(call.arg[0], call.arg[1]));
    if (range.empty())
        return 0;
    task.restart_nr = static_cast<i32>(call.nr);
    TRY_STATUS(each_in_linux(task, range, nr_munlock, 0));
    TRY_STATUS(change_traits(*task.owner, range, [](AreaTraits& t) { t.locked = false; }));
    return 0;
}

SyscallResult sys_mlockall(Task& task, const Call& call)
{
    const u64 flags = call.arg[0];
    if (flags == 0 || (flags & ~(mcl_current | mcl_future | mcl_on_fault)) != 0 || flags == mcl_on_fault)
        return fail(Errno::inval);
    Process& p = *task.owner;
    if (p.limit_memlock.soft == 0 && !may_lock(task, 0))
        return fail(Errno::perm);
    if ((flags & mcl_current) != 0 && p.space.mapped_bytes() > p.limit_memlock.soft && !may_lock(task, ~0ull))
        return fail(Errno::nomem);
    p.space.lock_future.store((flags & mcl_future) != 0 ? static_cast<u8>(flags & ~mcl_current) : 0);
    if ((flags & mcl_current) == 0)
        return 0;
    change_all(p, [](AreaTraits& t) { t.locked = t.huge == 0; });
    if ((flags & mcl_on_fault) != 0)
        return 0;
    AddressSpace::AreaInfo area;
    // What is mapped without being meant for use (stacks, reservations) stays on demand: memory would not suffice.
    for (UserAddr a(0); p.space.area(a, area); a = area.range.end)
        if (area.kind != VmaKind::leaving && area.kind != VmaKind::foreign && !area.lazy)
            (void)populate(p, area.range);
    return 0;
}

SyscallResult sys_munlockall(Task& task, const Call&)
{
    task.owner->space.lock_future.store(0);
    change_all(*task.owner, [](AreaTraits& t) { t.locked = false; });
    return 0;
}

} // namespace still
