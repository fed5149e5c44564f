// SPDX-License-Identifier: BSD-2-Clause
// The I/O APIC (Intel 82093AA), for the few interrupts that a machine without Linux has.
#include <arch/apic.hpp>
#include <arch/hardware.hpp>
#include <arch/layout.hpp>
#include <arch/page_table.hpp>

namespace still::arch {

namespace {

constexpr u32 masked = 1u << 16, level = 1u << 15, active_low = 1u << 13;

class Registers {
  public:
    explicit Registers(PhysAddr at) : at_(direct<volatile u32>(at)) {}
    [[nodiscard]] u32 read(u32 number) const
    {
        at_[0] = number;
        return at_[4];
    }
    void write(u32 number, u32 value) const
    {
        at_[0] = number;
        at_[4] = value;
    }

  private:
    volatile u32* at_;
};

} // namespace

bool route_isa(u8 source, u32 vector)
{
    const acpi::Override to = hardware().route(source);
    for (u32 i = 0; i < hardware().num_io_apics; ++i) {
        const acpi::IoApic& io = hardware().io_apics[i];
        if (to.global < io.first || !map_lent(PhysAddr(io.address).align_down(page_size), page_size, true))
            continue;
        const Registers registers{PhysAddr(io.address)};
        const u32 last = registers.read(1) >> 16 & 0xff;
        const u32 pin = to.global - io.first;
        if (pin > last)
            continue;
        // Edge, active high is ISA's own way; an override says otherwise (flags: MPS INTI).
        const u32 mode = ((to.flags & 3) == 3 ? active_low : 0) | ((to.flags >> 2 & 3) == 3 ? level : 0);
        registers.write(0x10 + 2 * pin, masked);
        registers.write(0x11 + 2 * pin, raw_apic_id() << 24);
        registers.write(0x10 + 2 * pin, vector | mode);
        return true;
    }
    return false;
}

} // namespace still::arch
