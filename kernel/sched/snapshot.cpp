// SPDX-License-Identifier: BSD-2-Clause
#include <arch/context.hpp>
#include <arch/cpu.hpp>
#include <sched/cpu.hpp>
#include <sched/scheduler.hpp>
#include <sched/snapshot.hpp>

namespace still {

namespace {
still_shared* shared = nullptr;
} // namespace

void init_snapshots(still_shared* area)
{
    shared = area;
}

void take_snapshot(const arch::TrapFrame& f)
{
    if (shared == nullptr)
        return;
    const u32 ticket = __atomic_load_n(&shared->nmi_ticket, __ATOMIC_ACQUIRE);
    Cpu& c = this_cpu();
    still_snapshot& s = shared->snapshots[c.arch.id.value];
    s.r15 = f.r15, s.r14 = f.r14, s.r13 = f.r13, s.r12 = f.r12, s.r11 = f.r11, s.r10 = f.r10, s.r9 = f.r9;
    s.r8 = f.r8, s.rbp = f.rbp, s.rbx = f.rbx, s.rax = f.rax, s.rcx = f.rcx, s.rdx = f.rdx, s.rsi = f.rsi;
    s.rdi = f.rdi, s.rip = f.rip, s.cs = f.cs, s.rflags = f.rflags, s.rsp = f.rsp, s.ss = f.ss;
    arch::UserSegments segments;
    arch::save_segments(segments);
    s.fs_base = segments.fs_base;
    s.gs_base = reinterpret_cast<u64>(&c);
    s.cr3 = arch::read_cr3();
    s.tsc = arch::read_tsc();
    s.awaited = c.awaited;
    __atomic_store_n(&s.ticket, ticket, __ATOMIC_RELEASE);
}

void answer_nmi(const arch::TrapFrame& frame)
{
    while (this_cpu().hangs_in_nmi)
        cpu_pause();
    take_snapshot(frame);
    if (shared == nullptr || __atomic_load_n(&shared->hold, __ATOMIC_ACQUIRE) == 0)
        return;
    u32& held = shared->snapshots[this_cpu().arch.id.value].held;
    __atomic_store_n(&held, 1, __ATOMIC_RELEASE);
    // NMIs are blocked in here, so HLT would not end.
    while (__atomic_load_n(&shared->hold, __ATOMIC_ACQUIRE) != 0) {
        halt_if_told();
        cpu_pause();
    }
    __atomic_store_n(&held, 0, __ATOMIC_RELEASE);
    // Meanwhile Linux took mirrored entries away without waiting for this CPU.
    arch::flush_user_tlb();
}

} // namespace still
