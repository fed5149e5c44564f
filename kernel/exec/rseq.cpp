// SPDX-License-Identifier: BSD-2-Clause
#include <arch/layout.hpp>
#include <exec/rseq.hpp>
#include <exec/user_memory.hpp>

namespace still::rseq {

namespace {

// struct rseq of linux/rseq.h, and struct rseq_cs.
struct Area {
    u32 cpu_id_start;
    u32 cpu_id;
    u64 section;
    u32 flags;
    u32 pad[3];
};
static_assert(sizeof(Area) == 32);
constexpr u64 area_align = 32;
constexpr u32 cpu_unregistered = ~0u;
constexpr u32 no_restart_flags = 7; // gone from Linux: refused

struct Section {
    u32 version;
    u32 flags;
    u64 start;
    u64 length;
    u64 abort;
};
static_assert(sizeof(Section) == 32);

Status clear_section(Task& task)
{
    const u64 none = 0;
    return copy_to_user(task.rseq_area + offsetof(Area, section), &none, sizeof(none));
}

Status check(const Section& s, u32 signature)
{
    if (s.start >= arch::user_limit || s.length >= arch::user_limit - s.start ||
        s.abort >= arch::user_limit || s.abort < sizeof(u32) || s.version != 0 ||
        s.abort - s.start < s.length)
        return fail(Errno::inval);
    u32 found = 0;
    TRY_STATUS(copy_from_user(&found, s.abort - sizeof(found), sizeof(found)));
    if (found != signature)
        return fail(Errno::inval);
    return {};
}

Status leave_section(Task& task, arch::TrapFrame& frame)
{
    u64 at = 0;
    TRY_STATUS(copy_from_user(&at, task.rseq_area + offsetof(Area, section), sizeof(at)));
    if (at == 0)
        return {};
    Section s;
    TRY_STATUS(copy_from_user(&s, at, sizeof(s)));
    TRY_STATUS(check(s, task.rseq_signature));
    TRY_STATUS(clear_section(task));
    if (frame.rip - s.start >= s.length)
        return {};
    u32 flags = 0;
    TRY_STATUS(copy_from_user(&flags, task.rseq_area + offsetof(Area, flags), sizeof(flags)));
    if (((s.flags | flags) & no_restart_flags) != 0)
        return fail(Errno::inval);
    frame.rip = s.abort;
    return {};
}

Status write_cpu(Task& task, u32 start, u32 id)
{
    const u32 both[2] = {start, id};
    return copy_to_user(task.rseq_area, both, sizeof(both));
}

} // namespace

Status enroll(Task& task, u64 address, u64 length, u32 signature)
{
    if (task.rseq_area != 0) {
        if (task.rseq_area != address || length != sizeof(Area))
            return fail(Errno::inval);
        return fail(task.rseq_signature != signature ? Errno::perm : Errno::busy);
    }
    if ((address & (area_align - 1)) != 0 || length != sizeof(Area))
        return fail(Errno::inval);
    if (address > arch::user_limit - sizeof(Area))
        return fail(Errno::fault);
    task.rseq_area = address;
    task.rseq_signature = signature;
    task.note_switch();
    return {};
}

Status withdraw(Task& task, u64 address, u64 length, u32 signature)
{
    if (task.rseq_area != address || task.rseq_area == 0 || length != sizeof(Area))
        return fail(Errno::inval);
    if (task.rseq_signature != signature)
        return fail(Errno::perm);
    TRY_STATUS(write_cpu(task, 0, cpu_unregistered));
    TRY_STATUS(clear_section(task));
    task.rseq_area = 0;
    return {};
}

void on_return(Task& task, arch::TrapFrame& frame)
{
    // Writing may fault, which may switch: then it is done once more.
    while (task.was_switched) {
        task.was_switched = false;
        if (task.rseq_area == 0)
            return;
        const u32 id = this_cpu().arch.id.value;
        if (!leave_section(task, frame) || !write_cpu(task, id, id)) {
            task.rseq_area = 0; // or it would happen for ever
            (void)force_signal(task, sent_signal(sig_segv, si_kernel));
            return;
        }
    }
}

void on_signal(Task& task, arch::TrapFrame& frame)
{
    task.was_switched |= task.rseq_area != 0;
    on_return(task, frame);
}

} // namespace still::rseq
