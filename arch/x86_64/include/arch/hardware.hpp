// SPDX-License-Identifier: BSD-2-Clause
// Alone: what the firmware says that the machine has, and what only the machine's owner does.
#pragma once

#include <base/acpi.hpp>

namespace still::arch {

// From the firmware's tables; empty beside Linux. Read once by find_hardware(), before memory is given out.
[[nodiscard]] const acpi::Tables& hardware();
// Fills in the block's CPUs, nodes and ranges, and the clock's frequency. rsdp 0: there are no tables.
void find_hardware(still_boot_block& block, u64 rsdp);
void log_hardware(); // what was left out

// An ISA interrupt goes to this CPU from now on. false: there is no I/O APIC for it.
bool route_isa(u8 source, u32 vector);

// Ends the machine's run. The status is told to an emulator that asks for it; code: what isa-debug-exit makes
// QEMU end with, if that is there.
[[noreturn]] void power_off(u32 status, u8 code);
[[noreturn]] void restart(u32 status);

} // namespace still::arch
