// SPDX-License-Identifier: BSD-2-Clause
// Copies between the kernel and the memory of the current process, and for a debugger into that of any.
#include <arch/layout.hpp>
#include <arch/user_copy.hpp>
#include <exec/user_memory.hpp>

namespace still {

namespace {

bool is_user_range(u64 address, u64 bytes)
{
    return address < arch::user_end && bytes <= arch::user_end - address;
}

} // namespace

Status copy_from_user(void* to, u64 from, u64 bytes)
{
    if (!is_user_range(from, bytes) || arch::still_user_copy_in(to, from, bytes) != 0)
        return fail(Errno::fault);
    return {};
}

Status copy_to_user(u64 to, const void* from, u64 bytes)
{
    if (!is_user_range(to, bytes) || arch::still_user_copy_out(to, from, bytes) != 0)
        return fail(Errno::fault);
    return {};
}

Status clear_user(u64 to, u64 bytes)
{
    if (!is_user_range(to, bytes) || arch::still_user_clear(to, bytes) != 0)
        return fail(Errno::fault);
    return {};
}

namespace {

// What is Linux's, or a peer's, can't be copied from here.
bool is_private_area(Process& p, UserAddr at)
{
    AddressSpace::AreaInfo area;
    return settled_area(p, at, at + 1, area) && area.range.start <= at &&
           (area.kind == VmaKind::anonymous || area.kind == VmaKind::file);
}

} // namespace

Status look_into_memory(Process& p, UserAddr from, void* to, u64 bytes)
{
    for (u64 done = 0; done < bytes;) {
        const u64 part = p.space.get(from + done, static_cast<u8*>(to) + done, bytes - done);
        done += part;
        if (part == 0 && (p.dying.load() || !is_private_area(p, from + done) ||
                          resolve_fault(p, from + done, Access::read).signo != 0))
            return fail(Errno::fault);
    }
    return {};
}

Status patch_memory(Process& p, UserAddr to, const void* from, u64 bytes, Asker asker)
{
    for (u64 done = 0; done < bytes;) {
        const u64 part = p.space.put(to + done, static_cast<const u8*>(from) + done, bytes - done);
        done += part;
        if (part == 0 && (p.dying.load() || resolve_fault(p, to + done, Access::patch, asker).signo != 0))
            return fail(Errno::fault);
    }
    return {};
}

} // namespace still
