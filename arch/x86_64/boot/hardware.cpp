// SPDX-License-Identifier: BSD-2-Clause
// Booted alone: the machine by what its firmware says.
#include <arch/cpu.hpp>
#include <arch/hardware.hpp>
#include <arch/upcalls.hpp>
#include <debug/log.hpp>

namespace still::arch {

namespace {

acpi::Tables tables;

// SAFETY: low memory is mapped one to one while the tables are read.
const u8* read_low(void*, u64 phys, u64 size)
{
    return phys < 4 * GiB && size <= 4 * GiB - phys ? reinterpret_cast<const u8*>(phys) : nullptr;
}

constexpr u32 measured_ms = 4;
constexpr u32 most_reads = 5'000'000; // of a port: a few seconds

// A stretch of known length, and by how much its start and its end may be wrong: firmware or a busy emulator can come
// between reading the timer and reading the TSC.
struct Stretch {
    u64 ticks = 0; // 0: the timer does not count
    u64 doubt = ~0ull;
};

template <class Start, class Over> Stretch measure(Start&& start, Over&& over)
{
    const u64 before_start = read_tsc();
    start();
    const u64 after_start = read_tsc();
    u64 before = after_start;
    for (u32 reads = 0; reads < most_reads; ++reads) {
        const bool done = over();
        const u64 after = read_tsc();
        if (done)
            return {(before + after) / 2 - (before_start + after_start) / 2,
                    after - before + after_start - before_start};
        before = after;
        __builtin_ia32_pause();
    }
    return {};
}

// PIT channel 2 counts that time down (Intel 8254; port 0x61 bit 5 shows its output).
Stretch measure_by_pit()
{
    constexpr u32 count = 1193182 * measured_ms / 1000;
    out8(0x61, (in8(0x61) & ~2) | 1);
    out8(0x43, 0xb0);
    out8(0x42, count & 0xff);
    return measure([] { out8(0x42, count >> 8); }, [] { return (in8(0x61) & 0x20) != 0; });
}

// ACPI's timer counts at 3.579545 MHz and wraps at 24 or 32 bits.
Stretch measure_by_pm_timer()
{
    if (tables.pm_timer.address == 0)
        return {};
    constexpr u32 count = 3579545 * measured_ms / 1000;
    u32 first = 0;
    return measure([&] { first = in32(tables.pm_timer.address); },
                   [&] { return ((in32(tables.pm_timer.address) - first) & 0xffffff) >= count; });
}

// The shortest of those that are hardly in doubt, as soon as two agree: under an emulator on a busy host a timer may
// also stand still for a while (seen: 8 ms and 36 ms for 4).
u64 measure_tsc_khz()
{
    constexpr u32 most_tries = 50;
    u64 best = ~0ull;
    u64 agreed = 0;
    Stretch least_doubted;
    for (u32 i = 0; i < most_tries && agreed == 0; ++i) {
        Stretch s = measure_by_pit();
        if (s.ticks == 0)
            s = measure_by_pm_timer();
        if (s.ticks == 0)
            break;
        if (s.doubt < least_doubted.doubt)
            least_doubted = s;
        if (s.doubt > s.ticks / 1000)
            continue;
        if (best != ~0ull && max(best, s.ticks) - min(best, s.ticks) < best / 1000)
            agreed = min(best, s.ticks);
        best = min(best, s.ticks);
    }
    if (agreed == 0)
        agreed = best != ~0ull ? best : least_doubted.ticks;
    if (agreed != 0)
        return agreed / measured_ms;
    tables.note("no timer counts: the TSC is taken for one of 1 GHz");
    return 1'000'000;
}

// QEMU's isa-debugcon, if it is there: it reads as its own number.
void tell_emulator(u32 status)
{
    constexpr u16 debug_console = 0xe9;
    if (in8(debug_console) != debug_console)
        return;
    char room[32];
    TextBuffer text(room);
    format_to(text, "status {}\n", status);
    for (const char c : text.view())
        out8(debug_console, static_cast<u8>(c));
}

void switch_acpi_on()
{
    constexpr u16 sci_enabled = 1;
    if ((in16(tables.pm1a.address) & sci_enabled) != 0 || tables.smi.address == 0)
        return;
    out8(tables.smi.address, tables.smi_enable);
    for (u32 reads = 0; reads < most_reads && (in16(tables.pm1a.address) & sci_enabled) == 0; ++reads)
        __builtin_ia32_pause();
}

void sleep_by(acpi::Port port, u8 type)
{
    constexpr u16 type_mask = 7u << 10, enable = 1u << 13;
    if (port.address == 0)
        return;
    const u16 rest = in16(port.address) & static_cast<u16>(~(type_mask | enable));
    out16(port.address, static_cast<u16>(rest | type << 10));
    out16(port.address, static_cast<u16>(rest | type << 10 | enable));
}

} // namespace

const acpi::Tables& hardware()
{
    return tables;
}

void find_hardware(still_boot_block& block, u64 rsdp)
{
    if (rsdp != 0)
        acpi::read_tables(tables, {read_low, nullptr}, rsdp);
    else
        tables.note("the loader names no ACPI tables: one CPU, one node");
    constexpr u32 last_of_xapic = 254;
    bool x2apic = (read_msr(msr::apic_base) & 1u << 10) != 0;
    for (u32 i = 0; i < tables.num_cpus && !x2apic; ++i)
        x2apic = tables.cpus[i] > last_of_xapic && (cpuid(1).c & 1u << 21) != 0;
    if (x2apic)
        block.flags |= STILL_BOOT_X2APIC;
    block.lapic_phys = tables.local_apic;
    acpi::fill_block(block, tables, x2apic ? cpuid(0xb).d : cpuid(1).b >> 24, x2apic ? ~0u : last_of_xapic);
    block.tsc_khz = measure_tsc_khz();
}

void log_hardware()
{
    for (u32 i = 0; i < tables.num_notes; ++i)
        log("firmware: {}", tables.notes[i]);
}

void power_off(u32 status, u8 code)
{
    tell_emulator(status);
    out8(0xf4, code); // QEMU's isa-debug-exit
    if (tables.has_s5 && tables.pm1a.address != 0) {
        switch_acpi_on();
        sleep_by(tables.pm1a, tables.s5_a);
        sleep_by(tables.pm1b, tables.s5_b);
    }
    halt_forever();
}

void restart(u32 status)
{
    tell_emulator(status);
    if (tables.reset.address != 0)
        out8(tables.reset.address, tables.reset_value);
    out8(0x64, 0xfe); // the keyboard controller's reset line
    for (u32 reads = 0; reads < most_reads / 100; ++reads)
        in8(0x64);
    // SAFETY: meant to fail: with no interrupt table the exception becomes a triple fault, which resets the CPU.
    const struct __attribute__((packed)) {
        u16 limit;
        u64 base;
    } none{0, 0};
    asm volatile("lidt %0; int3" ::"m"(none));
    halt_forever();
}

} // namespace still::arch
