// SPDX-License-Identifier: BSD-2-Clause
// Brings a CPU into the state that the kernel and unmodified programs expect: segments as on Linux,
// control registers and extended state exactly as Linux has them.
#include <arch/apic.hpp>
#include <arch/context.hpp>
#include <arch/cpu.hpp>
#include <arch/cpu_local.hpp>
#include <arch/linux_state.hpp>
#include <arch/trap_frame.hpp>

extern "C" {
extern const char still_vectors[];
void still_syscall_entry();
extern const still::u64 still_patches_start[], still_patches_end[], still_xsaves_start[], still_xsaves_end[];
}

namespace still::arch {

namespace {

struct __attribute__((packed)) Pointer {
    u16 limit;
    u64 base;
};

struct Gate {
    u64 low;
    u64 high;
};

alignas(16) Gate idt[256];
still_cpu_state wanted;

void fill_idt()
{
    for (u32 i = 0; i < 256; ++i) {
        const u64 entry = reinterpret_cast<u64>(still_vectors) + 16ull * i;
        u64 ist = 0;
        if (i == vector_nmi)
            ist = 1;
        else if (i == vector_double_fault || i == vector_debug) // the first is the end of the kernel
            ist = 2;
        else if (i == vector_machine_check)
            ist = 3;
        // Interrupt gates; INT3 and INTO may come from user mode (SDM vol. 3, 6.14.1).
        const u64 type = (i == 3 || i == 4) ? 0xee : 0x8e;
        idt[i].low = (entry & 0xffff) | static_cast<u64>(kernel_code) << 16 | ist << 32 | type << 40 |
                     (entry >> 16 & 0xffff) << 48;
        idt[i].high = entry >> 32;
    }
}

bool cpu_has_xsave()
{
    return (cpuid(1).c & 1u << 26) != 0;
}

void load_segments_tables(CpuLocal& cpu)
{
    // The layout is Linux's: selectors are visible in signal frames and by LSL (the vDSO's getcpu).
    cpu.gdt[2] = 0x00af9b000000ffff; // kernel code
    cpu.gdt[3] = 0x00cf93000000ffff; // kernel data
    cpu.gdt[4] = 0x00cffb000000ffff; // 32-bit user code, base of SYSRET's selectors
    cpu.gdt[5] = 0x00cff3000000ffff; // user data
    cpu.gdt[6] = 0x00affb000000ffff; // user code
    const u64 tss = reinterpret_cast<u64>(&cpu.tss);
    cpu.gdt[8] = (sizeof(TaskState) - 1) | (tss & 0xffffff) << 16 | 0x89ull << 40 | (tss >> 24 & 0xff) << 56;
    cpu.gdt[9] = tss >> 32;
    const u64 limit = (cpu.id.value & 0xfff) | static_cast<u64>(cpu.node.value) << 12;
    cpu.gdt[15] = 0x0040f50000000000 | (limit & 0xffff) | (limit >> 16 & 0xf) << 48;
    cpu.tss.io_map = sizeof(TaskState);
    const Pointer gdt_pointer{sizeof(cpu.gdt) - 1, reinterpret_cast<u64>(cpu.gdt)};
    const Pointer idt_pointer{sizeof(idt) - 1, reinterpret_cast<u64>(idt)};
    // SAFETY: loads this CPU's own tables, which live as long as the kernel.
    asm volatile("lgdt %0; lidt %1" ::"m"(gdt_pointer), "m"(idt_pointer) : "memory");
    asm volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%ss; mov %1, %%fs; mov %1, %%gs\n\t"
                 "pushq %2; leaq 1f(%%rip), %%rax; pushq %%rax; lretq; 1: ltr %w3" ::"r"(
                     static_cast<u32>(kernel_data)),
                 "r"(0), "i"(kernel_code), "r"(0x40)
                 : "rax", "memory");
    write_msr(msr::gs_base, reinterpret_cast<u64>(&cpu));
    write_msr(msr::kernel_gs_base, 0);
}

// Alone, of what the CPU has all that Linux gives programs without being asked: x87, SSE, AVX, AVX-512 and PKRU.
u64 own_xcr0()
{
    constexpr u64 usual = 0x7 | 0xe0 | 1 << 9;
    const Cpuid known = cpuid(0xd);
    return (static_cast<u64>(known.d) << 32 | known.a) & usual;
}

void set_control_registers()
{
    u64 c0 = cr0::pe | cr0::mp | cr0::ne | cr0::wp | cr0::am | cr0::pg; // caches on: CD and NW clear
    const Cpuid f7 = cpuid(7);
    u64 c4 = cr4::pae | cr4::mce | cr4::pge | cr4::osfxsr | cr4::osxmmexcpt;
    if (cpu_has_xsave())
        c4 |= cr4::osxsave;
    if ((f7.b & 1u << 7) != 0)
        c4 |= cr4::smep;
    if ((f7.b & 1u << 20) != 0)
        c4 |= cr4::smap;
    if ((f7.b & 1) != 0)
        c4 |= cr4::fsgsbase;
    if ((f7.c & 1u << 2) != 0)
        c4 |= cr4::umip;
    if (wanted.cr4 != 0) {
        // What a program can see must be as on Linux; what only concerns address translation is ours.
        const u64 visible = cr4::fsgsbase | cr4::umip | cr4::tsd | cr4::pke;
        c4 = (c4 & ~visible) | (wanted.cr4 & visible);
    } else if ((f7.c & 1u << 3) != 0) {
        c4 |= cr4::pke;
    }
    c4 |= read_cr4() & cr4::la57;
    write_cr0(c0);
    write_cr4(c4);
    if (cpu_has_xsave())
        write_xcr0(wanted.xcr0 != 0 ? wanted.xcr0 : own_xcr0());
    if (wanted.pat != 0)
        write_msr(msr::pat, wanted.pat);
    if (wanted.spec_ctrl != 0)
        write_msr(msr::spec_ctrl, wanted.spec_ctrl);
    if (wanted.misc_enable != 0)
        write_msr(msr::misc_enable, wanted.misc_enable);
    if (wanted.xss != 0)
        write_msr(msr::xss, wanted.xss);
}

void set_syscall_registers(const CpuLocal& cpu)
{
    write_msr(msr::efer, read_msr(msr::efer) | 0x901); // SCE, LME, NXE
    write_msr(msr::star, static_cast<u64>(kernel_code) << 32 | 0x23ull << 48);
    write_msr(msr::lstar, reinterpret_cast<u64>(&still_syscall_entry));
    write_msr(msr::sfmask, 0x257fd5); // everything a user could set, IF above all
    if ((cpuid(0x80000001).d & 1u << 27) != 0)
        write_msr(msr::tsc_aux, cpu.id.value | cpu.node.value << 12);
}

} // namespace

void adopt_linux_state(const still_cpu_state& state)
{
    wanted = state;
    fill_idt();
    if (!cpu_has_xsave()) {
        // Behind REX.W 0F AE: but for this bit XSAVE and XRSTOR are FXSAVE and FXRSTOR.
        constexpr u32 operation = 3;
        for (const u64* p = still_xsaves_start; p != still_xsaves_end; ++p)
            reinterpret_cast<u8*>(*p)[operation] &= ~0x20u; // SAFETY: as below
    }
    const bool smap = (cpuid(7).b & 1u << 20) != 0;
    if (!smap) {
        for (const u64* p = still_patches_start; p != still_patches_end; ++p) {
            // SAFETY: runs before the image becomes read-only; each address is a 3-byte STAC or CLAC.
            auto* code = reinterpret_cast<u8*>(*p);
            code[0] = 0x0f;
            code[1] = 0x1f;
            code[2] = 0x00;
        }
    }
}

void set_kernel_stack(CpuLocal& cpu, u64 top)
{
    cpu.kernel_stack = top;
    cpu.tss.rsp[0] = top;
}

void init_cpu(CpuLocal& cpu, u64 ist_stacks)
{
    cpu.self = &cpu;
    for (u32 i = 0; i < 3; ++i) {
        const u64 top = ist_stacks + (i + 1) * ist_stack_size;
        // SAFETY: the last word of each stack is ours; entry.S finds the CPU there.
        *reinterpret_cast<u64*>(top - 8) = reinterpret_cast<u64>(&cpu);
        cpu.tss.ist[i] = top - 16;
    }
    load_segments_tables(cpu);
    set_control_registers();
    set_syscall_registers(cpu);
    enable_apic();
}

} // namespace still::arch
