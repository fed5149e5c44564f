// SPDX-License-Identifier: BSD-2-Clause
// Local APIC (SDM vol. 3, chapter 11). The x2APIC path is reached only where Linux uses it.
#include <arch/apic.hpp>
#include <arch/cpu.hpp>
#include <arch/layout.hpp>
#include <arch/page_table.hpp>
#include <arch/trap_frame.hpp>
#include <arch/upcalls.hpp>

namespace still::arch {

namespace {

enum Register : u32 {
    reg_task_priority = 0x80,
    reg_eoi = 0xb0,
    reg_spurious = 0xf0,
    reg_in_service = 0x100,
    reg_command_low = 0x300,
    reg_command_high = 0x310,
    reg_timer = 0x320,
    reg_lint0 = 0x350,
    reg_lint1 = 0x360,
    reg_error = 0x370,
    reg_initial_count = 0x380,
    reg_current_count = 0x390,
    reg_divide = 0x3e0,
};
constexpr u32 masked = 1u << 16;

volatile u32* registers = nullptr;
bool x2 = false;
u64 timer_per_tsc = 0; // timer ticks for each 2^32 TSC ticks

void write(Register r, u32 value)
{
    if (x2)
        write_msr(0x800 + r / 16, value);
    else
        registers[r / 4] = value;
}

u32 read(u32 r)
{
    return x2 ? static_cast<u32>(read_msr(0x800 + r / 16)) : registers[r / 4];
}

void command(u32 apic, u32 low)
{
    if (x2) {
        // SAFETY: x2APIC MSR writes are not serialising; earlier stores must be seen first (SDM 11.12.3).
        asm volatile("mfence; lfence" ::: "memory");
        write_msr(0x830, static_cast<u64>(apic) << 32 | low);
        return;
    }
    // Interrupts are off in the kernel, so the two writes can't be torn apart on this CPU.
    for (u32 spins = 0; spins < 1'000'000 && (registers[reg_command_low / 4] & 1u << 12) != 0; ++spins)
        __builtin_ia32_pause();
    registers[reg_command_high / 4] = apic << 24;
    registers[reg_command_low / 4] = low;
}

} // namespace

void init_apic(PhysAddr address, bool x2apic)
{
    x2 = x2apic;
    if (!x2) {
        if (!map_lent(address, page_size, true))
            still_abort("no memory to map the local APIC");
        registers = direct<volatile u32>(address);
    }
}

void enable_apic()
{
    u64 base = read_msr(msr::apic_base) | 1u << 11;
    if (x2)
        base |= 1u << 10;
    write_msr(msr::apic_base, base);
    write(reg_task_priority, 0);
    write(reg_initial_count, 0);
    write(reg_timer, vector_timer); // for good: it fires when a count ends, and 0 is none
    write(reg_lint0, masked);
    write(reg_lint1, masked);
    write(reg_error, masked);
    write(reg_divide, 3); // by 16
    write(reg_spurious, 0x100 | vector_spurious);
}

u32 raw_apic_id()
{
    return x2 ? cpuid(0xb).d : cpuid(1).b >> 24;
}

void end_of_interrupt()
{
    write(reg_eoi, 0);
}

void send_interrupt(u32 apic, u32 vector)
{
    command(apic, 0x4000 | vector);
}
void send_nmi(u32 apic)
{
    command(apic, 0x4400);
}
void send_init(u32 apic)
{
    command(apic, 0xc500);
    command(apic, 0x8500);
}
void send_startup(u32 apic, PhysAddr trampoline)
{
    command(apic, 0x4600 | static_cast<u32>(trampoline.raw() >> 12));
}

u32 vector_in_service()
{
    for (u32 i = 8; i-- > 0;) {
        const u32 bits = read(reg_in_service + i * 16);
        if (bits != 0)
            return i * 32 + 31 - static_cast<u32>(__builtin_clz(bits));
    }
    return 0;
}

void arm_timer(u64 tsc_ticks)
{
    if (tsc_ticks == 0) {
        write(reg_initial_count, 0);
        return;
    }
    const auto wide = static_cast<unsigned __int128>(tsc_ticks) * timer_per_tsc >> 32;
    const u64 count = wide > 0xffffffff ? 0xffffffff : static_cast<u64>(wide);
    write(reg_initial_count, count == 0 ? 1 : static_cast<u32>(count));
}

namespace {

struct Calibration {
    u64 per_tsc;
    u64 doubt; // TSC ticks that reading both clocks took
};

Calibration compare_clocks(u64 ticks)
{
    const u64 before = read_tsc();
    write(reg_initial_count, 0xffffffff);
    const u64 start = read_tsc();
    while (read_tsc() - start < ticks)
        __builtin_ia32_pause();
    const u64 end = read_tsc();
    const u64 counted = 0xffffffff - read(reg_current_count);
    const u64 after = read_tsc();
    write(reg_initial_count, 0);
    return {(counted << 32) / (end - start), (start - before) + (after - end)};
}

} // namespace

// A millisecond is enough: who is woken too early looks at the TSC and waits on. But where a hypervisor took the CPU
// away between the readings it is done again.
void calibrate_timer(u64 tsc_khz)
{
    constexpr u32 tries = 10;
    const u64 bearable = tsc_khz / 100; // 1 %
    Calibration best = compare_clocks(tsc_khz);
    for (u32 i = 1; i < tries && best.doubt > bearable; ++i)
        if (const Calibration next = compare_clocks(tsc_khz); next.doubt < best.doubt)
            best = next;
    timer_per_tsc = best.per_tsc;
}

} // namespace still::arch
