// SPDX-License-Identifier: BSD-2-Clause
// Pages are given up, and the areas stay (madvise, files that are cut off). Somebody may fill them anew meanwhile.
#include <mm/address_space.hpp>
#include <mm/frame_allocator.hpp>

namespace still {

bool AddressSpace::is_discarded(UserRange range) const
{
    for (const Departure* d = discards_; d != nullptr; d = d->next)
        if (d->range.overlaps(range))
            return true;
    return false;
}

Status AddressSpace::begin_discard(UserRange range, Departure& left)
{
    LockGuard guard(lock_);
    left.range = range;
    if (yields_to_fork() || is_departing(range) || areas_.any_leaving(range))
        return fail(Errno::again);
    TRY_STATUS(table_.split_at(range.start));
    TRY_STATUS(table_.split_at(range.end));
    for (auto it = areas_.first_behind(range.start); it != areas_.end() && it->range.start < range.end;
         ++it) {
        if (it->kind == VmaKind::foreign || it->in_linux)
            continue;
        const UserRange part{max(it->range.start, range.start), min(it->range.end, range.end)};
        table_.for_each(part, [&](arch::Leaf leaf) NO_THREAD_SAFETY { remove_leaf(leaf, left); });
    }
    left.next = discards_;
    discards_ = &left;
    ++departures_;
    take_retired(left);
    return {};
}

void AddressSpace::end_discard(Departure& left)
{
    {
        LockGuard guard(lock_);
        --departures_;
        Departure** at = &discards_;
        while (*at != &left)
            at = &(*at)->next;
        *at = left.next;
        reap_departed(left);
    }
    frames::release(left.frames);
    release_tables(left);
}

} // namespace still
