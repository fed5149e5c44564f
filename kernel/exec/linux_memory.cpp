// SPDX-License-Identifier: BSD-2-Clause
#include <debug/log.hpp>
#include <exec/linux_memory.hpp>
#include <offload/ikc.hpp>

namespace still {

namespace {

constexpr u32 nr_mmap = 9, nr_munmap = 11;
constexpr u64 map_fixed = 0x10;

// The place stays a leaving area until commit() or give_up().
Result<UserRange> reserve(Process& p, MapRequest request, bool replace)
{
    request.in_linux = true;
    request.segment = 0;
    const bool is_first = !p.space.shares_memory();
    const auto range = reserve_place(p, request, replace);
    if (is_first)
        begin_to_share(p);
    return range;
}

// Linux may have made a hole there before it failed.
void give_up(Task& task, UserRange range)
{
    if (offload(task, STILL_CALL_MAP_BACK, range.start.raw(), range.size()))
        task.owner->space.taken_back(range);
    task.owner->space.drop_reserved(range);
}

// Some files let Linux alone choose the place of their mappings: io_uring's rings.
Result<UserRange> let_linux_choose(Task& task, MapRequest request, const OffloadCall& map)
{
    request.low = true;
    const UserRange range = TRY(reserve(*task.owner, request, false));
    const auto made = ask_linux(task, STILL_CALL_MAP_CHOSEN, range.start.raw(), map.arg[1], map.arg[2],
                                map.arg[3] & ~map_fixed, map.arg[4], map.arg[5]);
    if (made)
        return range;
    give_up(task, range);
    return fail(made.error());
}

// Files of hugetlbfs: Linux has said only that the place is not right.
Result<UserRange> try_huge(Task& task, MapRequest& request, OffloadCall call, u32 place_arg)
{
    if (request.traits.huge != 0)
        return fail(Errno::inval);
    MapRequest huge = request;
    huge.hint = UserAddr();
    huge.traits.huge = huge_shift_2m;
    huge.length = (huge.length + page_size_2m - 1) & ~(page_size_2m - 1);
    const UserRange range = TRY(reserve(*task.owner, huge, false));
    call.arg[place_arg] = range.start.raw();
    const auto made = ask_linux(task, call.nr, call.arg[0], call.arg[1], call.arg[2], call.arg[3],
                                call.arg[4], call.arg[5]);
    if (!made) {
        give_up(task, range);
        return fail(made.error());
    }
    request = huge;
    return range;
}

Status commit(Process& p, MapRequest request, UserRange range)
{
    request.kind = VmaKind::mirrored;
    request.in_linux = true;
    request.hint = range.start;
    request.fixed = true;
    request.over_leaving = true;
    TRY(p.space.map(request));
    return {};
}

} // namespace

FaultError mirror_page(Process& p, UserRange window, UserAddr a, Access access)
{
    if (window.empty())
        return out_of_memory(p, a);
    still_msg m{};
    m.kind = STILL_MSG_MIRROR;
    m.proc = p.handle;
    m.arg[0] = a.align_down(page_size).raw();
    m.arg[1] = access == Access::write ? 1 : 0;
    m.arg[2] = window.start.raw();
    m.arg[3] = window.size();
    const auto done = ikc::ask(m, nullptr, patience_of(p));
    if (done)
        return {0, 0};
    switch (done.error()) {
    case Errno::fault:
        return {sig_segv, segv_maperr};
    case Errno::acces:
        return {sig_segv, segv_accerr};
    case Errno::nomem:
        return {sig_kill, si_kernel};
    default:
        return {sig_bus, bus_adrerr};
    }
}

Status take_back(Process& p, const Departure& left)
{
    UserRange piece;
    while (left.in_linux && p.space.next_in_linux(left.range, piece)) {
        const auto done = offload(current_task(), STILL_CALL_MAP_BACK, piece.start.raw(), piece.size());
        if (!done)
            return fail(done.error()); // the process is ending
        if (*done < 0) {
            p.space.keep_in_linux(left.range);
            return fail(static_cast<Errno>(-*done));
        }
        p.space.taken_back(piece);
    }
    return {};
}

Result<u64> ask_linux(Task& task, u32 nr, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
    const i64 result = TRY(offload(task, nr, a0, a1, a2, a3, a4, a5));
    if (result == -static_cast<i64>(Errno::intr))
        return fail(Errno::restart);
    if (result < 0)
        return fail(static_cast<Errno>(-result));
    return static_cast<u64>(result);
}

Result<UserAddr> map_in_linux(Task& task, MapRequest request, bool replace, OffloadCall call, u32 place_arg)
{
    Process& p = *task.owner;
    UserRange range = TRY(reserve(p, request, replace));
    call.arg[place_arg] = range.start.raw();
    const auto made = ask_linux(task, call.nr, call.arg[0], call.arg[1], call.arg[2], call.arg[3],
                                call.arg[4], call.arg[5]);
    if (!made) {
        give_up(task, range);
        if (made.error() != Errno::inval || request.fixed)
            return fail(made.error());
        const auto aligned = try_huge(task, request, call, place_arg);
        if (!aligned && call.nr != nr_mmap)
            return fail(made.error());
        range = aligned ? *aligned : TRY(let_linux_choose(task, request, call));
    }
    if (const Status done = commit(p, request, range); !done) {
        give_up(task, range);
        return fail(done.error());
    }
    return range.start;
}

Result<UserAddr> map_file_in_linux(Task& task, const MapRequest& request, bool replace,
                                   const FileMapping& map)
{
    constexpr u64 map_populate = 0x8000;
    AddressSpace::AreaInfo area;
    if (request.fixed && replace && task.owner->space.area(request.hint, area) &&
        area.range.start < request.hint + request.length) {
        // What is there may go only if nothing can be wrong any more: try it elsewhere first.
        const u64 elsewhere = TRY(ask_linux(task, nr_mmap, 0, request.length, map.prot,
                                            map.flags & ~map_populate, map.fd, map.offset));
        TRY(ask_linux(task, nr_munmap, elsewhere, request.length, 0));
    }
    const OffloadCall call{nr_mmap, {0, request.length, map.prot, map.flags | map_fixed, map.fd, map.offset}};
    return map_in_linux(task, request, replace, call, 0);
}

bool is_in_linux(Process& p, u64 address)
{
    AddressSpace::AreaInfo area;
    return p.space.area(UserAddr(address), area) && area.range.start.raw() <= address &&
           area.kind == VmaKind::mirrored;
}

Status each_in_linux(Task& task, UserRange range, u32 nr, u64 a2)
{
    const std::atomic<u32>& left = task.owner->space.left_linux;
    for (;;) {
        const u32 before = left.load();
        const Status done = for_each_in_linux(*task.owner, range, [&](UserRange piece) -> Status {
            TRY(ask_linux(task, nr, piece.start.raw(), piece.size(), a2));
            return {};
        });
        // Linux may have found the pseudo file where another thread maps anew: once more, to what is there then.
        if (done || left.load() == before)
            return done;
        wait_a_moment();
    }
}

Result<UserAddr> remap_in_linux(Task& task, UserRange old, u64 new_size, bool may_move, UserAddr target)
{
    Process& p = *task.owner;
    AddressSpace::AreaInfo area;
    if (!p.space.area(old.start, area) || area.kind != VmaKind::mirrored)
        return fail(Errno::fault);
    const bool fixed = target.raw() != 0;
    if (!fixed && !old.empty() && new_size <= old.size()) {
        if (new_size < old.size())
            TRY_STATUS(unmap(p, {old.start + new_size, old.end}));
        return old.start;
    }
    MapRequest request;
    request.prot = area.prot;
    request.segment = area.segment;
    request.traits.locked = area.traits.locked;
    request.file_offset = area.file_offset + (old.start - area.range.start);
    if (!fixed && !old.empty()) {
        // In place, if what follows is free.
        request.hint = old.end;
        request.length = new_size - old.size();
        request.fixed = true;
        if (const auto more = reserve(p, request, false)) {
            const auto grown = ask_linux(task, STILL_CALL_REMAP, old.start.raw(), old.size(), new_size, 0);
            if (grown) {
                request.file_offset += old.size();
                TRY_STATUS(commit(p, request, *more));
                return old.start;
            }
            give_up(task, *more);
            if (!may_move)
                return fail(grown.error());
        }
    }
    if (!may_move)
        return fail(old.empty() ? Errno::inval : Errno::nomem);
    request.file_offset = area.file_offset + (old.start - area.range.start);
    request.hint = target;
    request.length = new_size;
    request.fixed = fixed;
    const UserRange place = TRY(reserve(p, request, true));
    const auto moved =
        ask_linux(task, STILL_CALL_REMAP, old.start.raw(), old.size(), new_size, place.start.raw());
    if (!moved) {
        give_up(task, place);
        return fail(moved.error());
    }
    TRY_STATUS(commit(p, request, place));
    if (!old.empty())
        TRY_STATUS(
            unmap(p, old)); // the proxy has mapped the pseudo file there already; once more does no harm
    return place.start;
}

} // namespace still
