// SPDX-License-Identifier: BSD-2-Clause
#include <arch/context.hpp>
#include <arch/layout.hpp>
#include <exec/trace_registers.hpp>
#include <mm/frame_allocator.hpp>
#include <mm/object_cache.hpp>

namespace still::trace {

u32 fpu_order()
{
    u32 order = 0;
    while (order_bytes(order) < arch::fpu_size())
        ++order;
    return order;
}

void show_registers(Tracee& t, Task& task, const arch::TrapFrame& f, i32 nr)
{
    arch::save_segments(task.segments);
    arch::fpu_save(task.fpu);
    show_saved_registers(t, task, f, nr);
}

void show_saved_registers(Tracee& t, const Task& task, const arch::TrapFrame& f, i32 nr)
{
    __builtin_memcpy(t.fpu, task.fpu, arch::fpu_size());
    t.regs_changed = t.fpu_changed = false;
    t.regs = {.r15 = f.r15,
              .r14 = f.r14,
              .r13 = f.r13,
              .r12 = f.r12,
              .rbp = f.rbp,
              .rbx = f.rbx,
              .r11 = f.r11,
              .r10 = f.r10,
              .r9 = f.r9,
              .r8 = f.r8,
              .rax = f.rax,
              .rcx = f.rcx,
              .rdx = f.rdx,
              .rsi = f.rsi,
              .rdi = f.rdi,
              .orig_rax = static_cast<u64>(nr),
              .rip = f.rip,
              .cs = f.cs,
              .rflags = f.rflags,
              .rsp = f.rsp,
              .ss = f.ss,
              .fs_base = task.segments.fs_base,
              .gs_base = task.segments.gs_base,
              .ds = 0,
              .es = 0,
              .fs = 0,
              .gs = 0};
}

bool take_registers(Tracee& t, Task& task, arch::TrapFrame& f, i32& nr)
{
    if (t.fpu_changed) {
        __builtin_memcpy(task.fpu, t.fpu, arch::fpu_size());
        arch::fpu_load(task.fpu);
    }
    if (!t.regs_changed)
        return false;
    const Registers& r = t.regs;
    f.r15 = r.r15, f.r14 = r.r14, f.r13 = r.r13, f.r12 = r.r12, f.rbp = r.rbp, f.rbx = r.rbx;
    f.r11 = r.r11, f.r10 = r.r10, f.r9 = r.r9, f.r8 = r.r8, f.rax = r.rax, f.rcx = r.rcx;
    f.rdx = r.rdx, f.rsi = r.rsi, f.rdi = r.rdi, f.rip = r.rip, f.rsp = r.rsp;
    f.rflags = (f.rflags & ~arch::user_flags) | (r.rflags & arch::user_flags) | arch::flag_if;
    nr = static_cast<i32>(r.orig_rax);
    task.segments = {r.fs_base, r.gs_base};
    arch::load_segments(task.segments);
    return true;
}

Status change_registers(Tracee& t, const Registers& wanted)
{
    if (wanted.fs_base >= arch::user_limit || wanted.gs_base >= arch::user_limit ||
        wanted.rip >= arch::user_limit || (wanted.cs & 3) != 3 || (wanted.ss & 3) != 3)
        return fail(Errno::io);
    const Registers old = t.regs;
    t.regs = wanted;
    t.regs.cs = old.cs;
    t.regs.ss = old.ss;
    t.regs.ds = t.regs.es = t.regs.fs = t.regs.gs = 0;
    t.regs_changed = true;
    return {};
}

Status change_fpu(Tracee& t, void* area, bool legacy)
{
    constexpr u64 legacy_words = 64, x87_and_sse = 3;
    if (legacy && arch::has_xsave())
        static_cast<u64*>(area)[legacy_words] |=
            x87_and_sse; // else they would be as a new program finds them
    if (!arch::fpu_valid(area))
        return fail(Errno::inval);
    __builtin_memcpy(t.fpu, area, arch::fpu_size());
    t.fpu_changed = true;
    return {};
}

namespace {

ObjectCache<arch::DebugRegisters> debug_cache;
constexpr u64 num_addresses = 4, status_register = 6, control_register = 7;

} // namespace

u64 debug_register(const Task& task, u64 n)
{
    const arch::DebugRegisters none{};
    const arch::DebugRegisters& d = task.debug != nullptr ? *task.debug : none;
    return n < num_addresses       ? d.address[n]
           : n == status_register  ? d.status ^ arch::debug_nothing
           : n == control_register ? d.control
                                   : 0;
}

Status set_debug_register(Task& task, u64 n, u64 value)
{
    if (n > control_register || (n >= num_addresses && n < status_register))
        return fail(Errno::io);
    if (task.debug == nullptr)
        task.debug = debug_cache.make();
    if (task.debug == nullptr)
        return fail(Errno::nomem);
    arch::DebugRegisters wanted = *task.debug;
    if (n < num_addresses) {
        if (value >= arch::user_limit)
            return fail(Errno::inval);
        wanted.address[n] = value;
    } else if (n == status_register) {
        wanted.status = value ^ arch::debug_nothing;
    } else {
        wanted.control = value;
    }
    if (!arch::debug_valid(wanted))
        return fail(Errno::inval);
    *task.debug = wanted;
    return {};
}

void free_debug_registers(Task& task)
{
    if (task.debug != nullptr)
        debug_cache.destroy(task.debug);
}

} // namespace still::trace
