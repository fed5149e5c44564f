// SPDX-License-Identifier: BSD-2-Clause
// Slots: where a process sees its peers' memory (stillcore/peers.h).
//
// A member has two top-level tables. Its own, with which all of this kernel's walks and Linux's begin, leads to its
// own memory only. The one that its CPUs load has the same first entry, and in the others the slots: each is the first
// entry of a peer's own, so that what lies below is shared. Nothing that walks tables gets into a peer's by mistake.
// With five levels every space has a table above its own, and a slot shows all of a peer's own.
#include <arch/layout.hpp>
#include <debug/panic.hpp>
#include <mm/address_space.hpp>
#include <mm/frame_allocator.hpp>
#include <stillcore/peers.h>

namespace still {

Status AddressSpace::make_slots(CpuSet& cpus_of_group)
{
    LockGuard guard(lock_);
    if (has_slots() || (!arch::five_levels() && app_[num_app_ - 1].end > UserAddr(STILL_PEERS_END)))
        return fail(Errno::inval);
    if (arch::five_levels()) {
        active = &cpus_of_group;
        return {};
    }
    // The table below the first entry: peers have it in their slots, so it stays as long as the space.
    TRY(table_.prepare(UserAddr(0), arch::level_1g));
    const PhysAddr page = frames::table_page();
    if (page == PhysAddr())
        return fail(Errno::nomem);
    arch::copy_top(page, table_.root());
    loaded_root_ = page;
    active = &cpus_of_group;
    return {};
}

void AddressSpace::set_slot(u32 slot, PhysAddr table, bool writable)
{
    STILL_ASSERT(has_slots() && slot < STILL_MAX_PEERS);
    arch::set_top_entry(loaded_root_, slot + 1, table, writable);
}

Status AddressSpace::make_loaded_root()
{
    loaded_root_ = table_.root();
    if (!arch::five_levels())
        return {};
    const PhysAddr page = frames::table_page();
    if (page == PhysAddr())
        return fail(Errno::nomem);
    arch::fill_top(page, table_.root());
    loaded_root_ = page;
    return {};
}

void AddressSpace::drop_loaded_root()
{
    if (loaded_root_ != table_.root())
        retire_table(this, loaded_root_);
    loaded_root_ = table_.root();
}

PhysAddr AddressSpace::shared_table() const
{
    return arch::five_levels() ? table_.root() : arch::first_table(table_.root());
}

} // namespace still
