// SPDX-License-Identifier: BSD-2-Clause
#include <arch/cpu.hpp>
#include <exec/core_file.hpp>

namespace still {

namespace {

// SYSCALL leaves rip and the flags there, too (SDM vol. 2).
bool is_in_syscall(const arch::TrapFrame& f)
{
    return f.rcx == f.rip && f.r11 == f.rflags;
}

} // namespace

void pose_for_core(Task& task)
{
    Process& p = *task.owner;
    if (!p.dumps_core.load() || task.ending)
        return;
    arch::save_segments(task.segments);
    arch::fpu_save(task.fpu);
    {
        LockGuard guard(p.lock);
        task.poses = true;
    }
    while (!p.killed.load())
        park();
}

Status registers_of(Process& p, u32 tid, still_report_registers& r)
{
    LockGuard guard(p.lock);
    const Task* task = find_task(p, tid);
    if (task == nullptr || task->ending)
        return fail(Errno::srch);
    if (!task->poses)
        return fail(Errno::again);
    if (arch::fpu_size() > sizeof(r.xsave))
        return fail(Errno::nosys);
    const arch::TrapFrame& f = user_frame(*task);
    // As Linux leaves a call that waits: it would be made again.
    constexpr u64 interrupted = -static_cast<u64>(Errno::intr), again = -static_cast<u64>(Errno::restart);
    const bool in_syscall = is_in_syscall(f);
    r.regs = {.r15 = f.r15,
              .r14 = f.r14,
              .r13 = f.r13,
              .r12 = f.r12,
              .rbp = f.rbp,
              .rbx = f.rbx,
              .r11 = f.r11,
              .r10 = f.r10,
              .r9 = f.r9,
              .r8 = f.r8,
              .rax = in_syscall && f.rax == interrupted ? again : f.rax,
              .rcx = f.rcx,
              .rdx = f.rdx,
              .rsi = f.rsi,
              .rdi = f.rdi,
              .orig_rax = in_syscall ? f.vector : ~0ull,
              .rip = f.rip,
              .rflags = f.rflags,
              .rsp = f.rsp,
              .fs_base = task->segments.fs_base,
              .gs_base = task->segments.gs_base,
              .reserved = {}};
    __builtin_memcpy(r.xsave, task->fpu, arch::fpu_size());
    return {};
}

} // namespace still
