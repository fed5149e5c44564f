// SPDX-License-Identifier: BSD-2-Clause
// Protection keys: pkey_alloc(2), pkey_free(2), pkey_mprotect(2). If the CPU or Linux has none, as Linux without them.
#include <arch/context.hpp>
#include <exec/linux_memory.hpp>
#include <syscall/dispatch.hpp>
#include <syscall/memory.hpp>

namespace still {

namespace {

constexpr u32 disable_access = 1, disable_write = 2;

void set_rights(i32 key, u32 rights)
{
    const u32 shift = 2 * static_cast<u32>(key);
    arch::write_pkru((arch::read_pkru() & ~(3u << shift)) | rights << shift);
}

} // namespace

u8 key_for_execute_only(Process& p)
{
    if (!arch::has_protection_keys())
        return 0;
    const i32 key = p.space.execute_only_key();
    if (key <= 0)
        return 0;
    set_rights(key, disable_access);
    return static_cast<u8>(key);
}

SyscallResult sys_pkey_mprotect(Task& task, const Call& call)
{
    const i32 key = static_cast<i32>(call.arg[3]);
    if (key == AddressSpace::keep_key)
        return sys_mprotect(task, call);
    if (key < 0 || !arch::has_protection_keys())
        return fail(Errno::inval);
    // The mirror's entries are made by the module, which knows nothing of keys: docs/limits.md.
    AddressSpace::AreaInfo area;
    const u64 end = call.arg[0] + min(call.arg[1], ~call.arg[0]);
    for (UserAddr a(call.arg[0]); a.raw() < end && task.owner->space.area(a, area); a = area.range.end)
        if (area.kind == VmaKind::mirrored && area.range.start.raw() < end)
            return fail(Errno::inval);
    return change_protection(task, call, key);
}

SyscallResult sys_pkey_alloc(Task& task, const Call& call)
{
    if (call.arg[0] != 0 || (call.arg[1] & ~static_cast<u64>(disable_access | disable_write)) != 0)
        return fail(Errno::inval);
    const i32 key = arch::has_protection_keys() ? task.owner->space.allocate_key() : -1;
    if (key < 0)
        return fail(Errno::nospc);
    set_rights(key, static_cast<u32>(call.arg[1]));
    return static_cast<u64>(key);
}

SyscallResult sys_pkey_free(Task& task, const Call& call)
{
    if (!arch::has_protection_keys() || !task.owner->space.free_key(static_cast<i32>(call.arg[0])))
        return fail(Errno::inval);
    return 0;
}

} // namespace still
