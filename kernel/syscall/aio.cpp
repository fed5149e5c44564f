// SPDX-License-Identifier: BSD-2-Clause
// io_setup(2), io_destroy(2): a context is the address of its ring, which Linux maps and programs read.
#include <exec/linux_memory.hpp>
#include <syscall/dispatch.hpp>

namespace still {

namespace {

constexpr u32 nr_io_destroy = 207;
constexpr u64 ring_mark = 1ull << 60; // as the area's offset: no attachment of a segment has it

Result<UserAddr> move_ring(Task& task, u64 context, u64 size)
{
    MapRequest request;
    request.length = size;
    request.prot = prot_read | prot_write;
    request.segment = task.owner->space.next_segment();
    request.file_offset = ring_mark;
    return map_in_linux(task, request, false, {STILL_CALL_REMAP, {context, size, size, 0}}, 3);
}

SyscallResult destroy(Task& task, u64 context)
{
    AddressSpace::AreaInfo area;
    const bool known = task.owner->space.area(UserAddr(context), area) && area.range.start.raw() == context &&
                       area.segment != 0 && area.file_offset == ring_mark;
    TRY(ask_linux(task, nr_io_destroy, context, 0, 0));
    if (known)
        TRY_STATUS(unmap(*task.owner, area.range)); // Linux has left a hole there
    return 0;
}

} // namespace

SyscallResult sys_io_setup(Task& task, const Call& call)
{
    task.restart_nr = static_cast<i32>(call.nr);
    if (TRY(UserIn<u64>(call.arg[1]).read()) != 0)
        return fail(Errno::inval);
    const u64 context = TRY(ask_linux(task, STILL_CALL_AIO_SETUP, call.arg[0], 0, 0));
    const u64 size = TRY(ask_linux(task, STILL_CALL_AIO_SIZE, context, 0, 0));
    const auto place = move_ring(task, context, size);
    if (!place) {
        (void)offload(task, nr_io_destroy, context);
        return fail(place.error());
    }
    if (const Status told = UserOut<u64>(call.arg[1]).write(place->raw()); !told) {
        (void)destroy(task, place->raw());
        return fail(told.error());
    }
    return 0;
}

SyscallResult sys_io_destroy(Task& task, const Call& call)
{
    task.restart_nr = static_cast<i32>(call.nr);
    return destroy(task, call.arg[0]);
}

} // namespace still
