// SPDX-License-Identifier: BSD-2-Clause
// System V shared memory. Segments are Linux's; what is attached is mirrored.
#include <exec/linux_memory.hpp>
#include <syscall/dispatch.hpp>

namespace still {

namespace {

constexpr u64 shm_rdonly = 010000, shm_rnd = 020000, shm_remap = 040000, shm_exec = 0100000;
constexpr u32 nr_shmat = 30;

} // namespace

SyscallResult sys_shmat(Task& task, const Call& call)
{
    Process& p = *task.owner;
    const u64 flags = call.arg[2];
    u64 address = call.arg[1];
    if (static_cast<i32>(call.arg[0]) < 0)
        return fail(Errno::inval);
    if ((address & (page_size - 1)) != 0) {
        if ((flags & shm_rnd) == 0)
            return fail(Errno::inval);
        address &= ~(page_size - 1);
        if (address == 0 && (flags & shm_remap) != 0)
            return fail(Errno::inval);
    } else if (address == 0 && (flags & shm_remap) != 0) {
        return fail(Errno::inval);
    }
    const u64 size = TRY(ask_linux(task, STILL_CALL_SHM_SIZE, call.arg[0], flags, 0));
    MapRequest request;
    request.hint = UserAddr(address);
    request.fixed = address != 0;
    request.length = (size + page_size - 1) & ~(page_size - 1);
    request.prot = prot_read;
    if ((flags & shm_rdonly) == 0)
        request.prot |= prot_write;
    if ((flags & shm_exec) != 0)
        request.prot |= prot_exec;
    request.segment = p.space.next_segment();
    OffloadCall attach{nr_shmat, {call.arg[0], 0, flags | shm_remap}};
    const auto placed = map_in_linux(task, request, (flags & shm_remap) != 0, attach, 1);
    if (!placed)
        return fail(placed.error() == Errno::exist ? Errno::inval : placed.error());
    return placed->raw();
}

SyscallResult sys_shmdt(Task& task, const Call& call)
{
    Process& p = *task.owner;
    const UserAddr address(call.arg[0]);
    if (!address.aligned(page_size))
        return fail(Errno::inval);
    // The attachment that begins there, or would if its first pages had not been unmapped.
    u32 segment = 0;
    AddressSpace::AreaInfo area;
    for (UserAddr a = address; p.space.area(a, area); a = area.range.end) {
        if (area.segment == 0 || area.range.start < address ||
            area.range.start - address != area.file_offset || (segment != 0 && segment != area.segment))
            continue;
        segment = area.segment;
        TRY_STATUS(unmap(p, area.range));
    }
    if (segment == 0)
        return fail(Errno::inval);
    return 0;
}

} // namespace still
