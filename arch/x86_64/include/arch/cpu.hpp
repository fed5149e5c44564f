// SPDX-License-Identifier: BSD-2-Clause
// Instructions that have no C++ spelling, and the control registers. No state here.
#pragma once

#include <base/types.hpp>

namespace still::arch {

// SAFETY (all of this file): each wrapper is one instruction with its operands and clobbers as in the
// SDM; what it means to execute it is the caller's decision.

[[noreturn]] inline void halt_forever()
{
    for (;;)
        asm volatile("cli; hlt" ::: "memory");
}
// Waits for an interrupt; on return interrupts are off again. STI's shadow covers HLT: no wakeup is lost.
inline void wait_for_interrupt()
{
    asm volatile("sti; hlt; cli" ::: "memory");
}
// Lets pending interrupts in. The caller holds no lock.
inline void interrupt_window()
{
    asm volatile("sti; nop; cli" ::: "memory");
}
inline u64 read_tsc()
{
    u32 low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return static_cast<u64>(high) << 32 | low;
}
inline u64 read_msr(u32 msr)
{
    u32 low, high;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return static_cast<u64>(high) << 32 | low;
}
inline void write_msr(u32 msr, u64 value)
{
    asm volatile("wrmsr" ::"c"(msr), "a"(static_cast<u32>(value)), "d"(static_cast<u32>(value >> 32))
                 : "memory");
}
struct Cpuid {
    u32 a, b, c, d;
};
inline Cpuid cpuid(u32 leaf, u32 sub = 0)
{
    Cpuid r;
    asm volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(sub));
    return r;
}
#define STILL_PORT(bits, letter)                                                                             \
    inline void out##bits(u16 port, u##bits value)                                                           \
    {                                                                                                        \
        asm volatile("out" #letter " %0, %1" ::"a"(value), "Nd"(port));                                      \
    }                                                                                                        \
    inline u##bits in##bits(u16 port)                                                                        \
    {                                                                                                        \
        u##bits value;                                                                                       \
        asm volatile("in" #letter " %1, %0" : "=a"(value) : "Nd"(port));                                     \
        return value;                                                                                        \
    }
STILL_PORT(8, b)
STILL_PORT(16, w)
STILL_PORT(32, l)
#undef STILL_PORT
#define STILL_CONTROL_REGISTER(reg)                                                                          \
    inline u64 read_##reg()                                                                                  \
    {                                                                                                        \
        u64 v;                                                                                               \
        asm volatile("mov %%" #reg ", %0" : "=r"(v));                                                        \
        return v;                                                                                            \
    }                                                                                                        \
    inline void write_##reg(u64 v)                                                                           \
    {                                                                                                        \
        asm volatile("mov %0, %%" #reg ::"r"(v) : "memory");                                                 \
    }
STILL_CONTROL_REGISTER(cr0)
STILL_CONTROL_REGISTER(cr2)
STILL_CONTROL_REGISTER(cr3)
STILL_CONTROL_REGISTER(cr4)
#undef STILL_CONTROL_REGISTER
inline u64 read_xcr0()
{
    u32 low, high;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return static_cast<u64>(high) << 32 | low;
}
inline void write_xcr0(u64 v)
{
    asm volatile("xsetbv" ::"c"(0), "a"(static_cast<u32>(v)), "d"(static_cast<u32>(v >> 32)) : "memory");
}
inline void invalidate_page(u64 address)
{
    asm volatile("invlpg (%0)" ::"r"(address) : "memory");
}
// Drops all non-global translations of this CPU.
inline void flush_user_tlb()
{
    write_cr3(read_cr3());
}

// Drops all of them.
inline void flush_whole_tlb()
{
    const u64 cr4 = read_cr4();
    write_cr4(cr4 & ~(1ull << 7)); // CR4.PGE
    write_cr4(cr4);
}

namespace msr {
constexpr u32 apic_base = 0x1b;
constexpr u32 spec_ctrl = 0x48;
constexpr u32 misc_enable = 0x1a0;
constexpr u32 pat = 0x277;
constexpr u32 xss = 0xda0;
constexpr u32 efer = 0xc0000080;
constexpr u32 star = 0xc0000081;
constexpr u32 lstar = 0xc0000082;
constexpr u32 sfmask = 0xc0000084;
constexpr u32 fs_base = 0xc0000100;
constexpr u32 gs_base = 0xc0000101;
constexpr u32 kernel_gs_base = 0xc0000102;
constexpr u32 tsc_aux = 0xc0000103;
} // namespace msr

namespace cr0 {
constexpr u64 pe = 1, mp = 2, em = 4, ts = 8, ne = 1 << 5, wp = 1 << 16, am = 1 << 18, nw = 1 << 29,
              cd = 1 << 30;
constexpr u64 pg = 1ull << 31;
} // namespace cr0
namespace cr4 {
constexpr u64 tsd = 1 << 2, pae = 1 << 5, mce = 1 << 6, pge = 1 << 7, osfxsr = 1 << 9, osxmmexcpt = 1 << 10,
              umip = 1 << 11, la57 = 1 << 12, fsgsbase = 1 << 16, pcid = 1 << 17, osxsave = 1 << 18,
              smep = 1 << 20, smap = 1 << 21, pke = 1 << 22, cet = 1 << 23;
} // namespace cr4

} // namespace still::arch
