// SPDX-License-Identifier: BSD-2-Clause
#include <arch/context.hpp>
#include <arch/cpu.hpp>
#include <arch/layout.hpp>
#include <arch/linux_state.hpp>

extern "C" void still_stack_start();

namespace still::arch {

u64 make_stack(u64 top, void (*entry)(void*), void* argument)
{
    // What still_switch_stack pops: r15 r14 r13 r12 rbx rbp, then the return address.
    // SAFETY: the words below top belong to the new stack.
    auto* sp = reinterpret_cast<u64*>(top) - 8;
    sp[0] = sp[1] = sp[2] = sp[5] = 0;
    sp[3] = reinterpret_cast<u64>(argument);
    sp[4] = reinterpret_cast<u64>(entry);
    sp[6] = reinterpret_cast<u64>(&still_stack_start);
    sp[7] = 0;
    return reinterpret_cast<u64>(sp);
}

void save_segments(UserSegments& s)
{
    if ((read_cr4() & cr4::fsgsbase) != 0) {
        // SAFETY: reads a register.
        asm volatile("rdfsbase %0" : "=r"(s.fs_base));
    } else {
        s.fs_base = read_msr(msr::fs_base);
    }
    s.gs_base = read_msr(msr::kernel_gs_base);
}

void load_segments(const UserSegments& s)
{
    if ((read_cr4() & cr4::fsgsbase) != 0) {
        // SAFETY: the user's FS base; the kernel does not use FS.
        asm volatile("wrfsbase %0" ::"r"(s.fs_base));
    } else {
        write_msr(msr::fs_base, s.fs_base);
    }
    write_msr(msr::kernel_gs_base, s.gs_base);
}

namespace {

struct FxHeader {
    u16 control, status;
    u8 tag, reserved0;
    u16 opcode;
    u64 instruction, data;
    u32 mxcsr, mxcsr_mask;
};
constexpr usize legacy_size = 512;
constexpr u32 default_mxcsr = 0x1f80;

struct XsaveHeader {
    u64 components, compacted, reserved[6];
};

} // namespace

bool has_xsave()
{
    return (read_cr4() & cr4::osxsave) != 0;
}

u64 fpu_size()
{
    return has_xsave() ? cpuid(0xd, 0).b : legacy_size;
}

u64 fpu_mask()
{
    constexpr u64 legacy = 3; // x87, SSE
    return has_xsave() ? read_xcr0() : legacy;
}

bool has_protection_keys()
{
    return (read_cr4() & cr4::pke) != 0;
}

u32 read_pkru()
{
    u32 value, high;
    // SAFETY: reads a register; CR4.PKE is set.
    asm volatile("rdpkru" : "=a"(value), "=d"(high) : "c"(0));
    return value;
}

void write_pkru(u32 value)
{
    // SAFETY: bears on user addresses only.
    asm volatile("wrpkru" ::"a"(value), "c"(0), "d"(0) : "memory");
}

void fpu_init(void* area)
{
    constexpr u32 pkru_component = 9;
    __builtin_memset(area, 0, fpu_size());
    auto* fx = static_cast<FxHeader*>(area);
    fx->control = 0x37f;
    fx->mxcsr = default_mxcsr;
    if (!has_protection_keys())
        return;
    u8* bytes = static_cast<u8*>(area);
    // SAFETY: the header follows the legacy region; CPUID says where the component lies.
    reinterpret_cast<XsaveHeader*>(bytes + legacy_size)->components = 1ull << pkru_component;
    *reinterpret_cast<u32*>(bytes + cpuid(0xd, pkru_component).b) = default_pkru;
}

// Where the CPU has no XSAVE these are made FXSAVE and FXRSTOR at boot (adopt_linux_state).
#define STILL_XSAVES "1:\n\t.pushsection .still_xsaves, \"a\"\n\t.quad 1b\n\t.popsection\n\t"

void fpu_save(void* area)
{
    // SAFETY: area is 64-byte aligned and fpu_size() long.
    asm volatile(STILL_XSAVES "xsave64 (%0)" ::"r"(area), "a"(~0u), "d"(~0u) : "memory");
}

void fpu_load(const void* area)
{
    // SAFETY: written by fpu_save or fpu_init, or checked by fpu_valid.
    asm volatile(STILL_XSAVES "xrstor64 (%0)" ::"r"(area), "a"(~0u), "d"(~0u) : "memory");
}

void fpu_keep_legacy(void* area)
{
    if (!has_xsave())
        return;
    __builtin_memset(static_cast<u8*>(area) + legacy_size, 0, fpu_size() - legacy_size);
    // SAFETY: the XSAVE header follows the legacy region.
    reinterpret_cast<XsaveHeader*>(static_cast<u8*>(area) + legacy_size)->components = 3;
}

u32 fpu_exceptions(bool x87)
{
    if (x87) {
        u16 status, control;
        // SAFETY: these read registers and do not wait for pending exceptions.
        asm volatile("fnstsw %0; fnstcw %1" : "=m"(status), "=m"(control));
        return status & ~control & 0x3f;
    }
    u32 mxcsr;
    // SAFETY: reads a register.
    asm volatile("stmxcsr %0" : "=m"(mxcsr));
    return mxcsr & ~(mxcsr >> 7) & 0x3f;
}

bool fpu_valid(const void* area)
{
    const auto* fx = static_cast<const FxHeader*>(area);
    const bool good = (fx->mxcsr & ~0xffffu) == 0;
    if (!has_xsave())
        return good;
    // SAFETY: the XSAVE header follows the legacy region (SDM vol. 1, 13.4.2).
    const auto* header = reinterpret_cast<const XsaveHeader*>(static_cast<const u8*>(area) + legacy_size);
    if ((header->components & ~fpu_mask()) != 0 || header->compacted != 0)
        return false;
    for (u64 r : header->reserved)
        if (r != 0)
            return false;
    return good;
}

namespace {

constexpr u64 debug_always = 0x400; // a bit of DR7 that is set
constexpr u64 debug_settable = 0xffff00ff;

bool is_enabled(u64 control, u32 n)
{
    return (control >> (2 * n) & 3) != 0;
}

u64 kind_of(u64 control, u32 n) // 0: execution, 1: writes, 2: I/O, 3: reads and writes
{
    return control >> (16 + 4 * n) & 3;
}

u64 length_of(u64 control, u32 n)
{
    constexpr u64 bytes[] = {1, 2, 8, 4};
    return bytes[control >> (18 + 4 * n) & 3];
}

} // namespace

void load_debug(const DebugRegisters& d)
{
    // SAFETY: checked by debug_valid(); none is enabled while the addresses change.
    asm volatile(
        "mov %0, %%dr7\n mov %1, %%dr0\n mov %2, %%dr1\n mov %3, %%dr2\n mov %4, %%dr3\n mov %5, %%dr7"
        :
        : "r"(debug_always), "r"(d.address[0]), "r"(d.address[1]), "r"(d.address[2]), "r"(d.address[3]),
          "r"((d.control & debug_settable) | debug_always));
}

void clear_debug()
{
    // SAFETY: nothing is enabled then.
    asm volatile("mov %0, %%dr7" : : "r"(debug_always));
}

u64 take_debug_status()
{
    u64 status = 0;
    // SAFETY: reads and resets a register that only says what has happened.
    asm volatile("mov %%dr6, %0\n mov %1, %%dr6" : "=&r"(status) : "r"(debug_nothing));
    return status;
}

bool stops_before(const DebugRegisters& d, u64 address)
{
    bool any = false;
    for (u32 n = 0; n < 4; ++n)
        any |= is_enabled(d.control, n) && kind_of(d.control, n) == 0 && d.address[n] == address;
    return any;
}

bool debug_valid(const DebugRegisters& d)
{
    constexpr u64 execution = 0, io = 2;
    for (u32 n = 0; n < 4; ++n) {
        if (!is_enabled(d.control, n))
            continue;
        const u64 kind = kind_of(d.control, n), length = length_of(d.control, n);
        if (kind == io || (kind == execution && length != 1) || d.address[n] >= user_limit - length)
            return false;
    }
    return true;
}

} // namespace still::arch
