// SPDX-License-Identifier: BSD-2-Clause
// What the machine needs of each CPU. GS base points here while the CPU is in the kernel.
#pragma once

#include <base/types.hpp>
#include <cstddef>
#include <stillcore/shared.h>

struct still_slot;

namespace still::arch {

constexpr u64 ist_stack_size = 8 * KiB;
constexpr u64 kernel_stack_size = 16 * KiB;

struct __attribute__((packed)) TaskState {
    u32 reserved0;
    u64 rsp[3];
    u64 reserved1;
    u64 ist[7];
    u64 reserved2;
    u16 reserved3;
    u16 io_map;
};
static_assert(sizeof(TaskState) == 104);

struct CpuLocal {
    // entry.S knows these by offset.
    CpuLocal* self;
    u64 kernel_stack; // top, for the system call entry
    u64 user_rsp; // scratch of the system call entry: these three; 0 in user mode (entry_frame in stillcore/shared.h)
    u64 user_rip;
    u64 user_flags;
    still_slot* quick_slot; // where the entry sends a call to Linux by itself; nullptr: not now
    u64* quick_calls;       // counts those
    u32 posted_seq;         // such a call's number, when others must wait for its answer
    CpuId id;
    u32 apic_id;
    NodeId node;
    u32 linux_cpu;
    u64 gdt[16];
    TaskState tss;
};
static_assert(offsetof(CpuLocal, user_rsp) == 8 * STILL_ENTRY_WORD && offsetof(CpuLocal, user_rip) == 24 &&
              offsetof(CpuLocal, quick_slot) == 40 && offsetof(CpuLocal, quick_calls) == 48 &&
              offsetof(CpuLocal, posted_seq) == 56);

inline CpuLocal& cpu_local()
{
    CpuLocal* self;
    // SAFETY: GS base is this CPU's CpuLocal from early boot on; entry code restores it on each entry.
    asm volatile("mov %%gs:0, %0" : "=r"(self));
    return *self;
}

// GDT, TSS, IDT, system call MSRs, control registers as Linux has them, FPU state, local APIC.
// ist_stacks: three of ist_stack_size, aligned to their size. Call once on each CPU.
void init_cpu(CpuLocal& cpu, u64 ist_stacks);
void set_kernel_stack(CpuLocal& cpu, u64 top);

} // namespace still::arch
