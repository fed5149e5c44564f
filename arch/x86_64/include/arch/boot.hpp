// SPDX-License-Identifier: BSD-2-Clause
// From the first instruction to a kernel with its own page tables.
#pragma once

#include <base/types.hpp>
#include <stillcore/boot_block.h>

namespace still::arch {

constexpr u32 loader_pvh = 0x336ec578;
constexpr u32 loader_multiboot2 = 0x36d76289;

// The boot block, copied from the loader or, booted alone, made from what PVH or multiboot2 and ACPI
// tell. Low memory is still mapped one to one. Returns what is wrong, or nullptr.
const char* read_boot_block(still_boot_block& block, u64 info_phys, u32 loader_magic, PhysAddr image);

// Early pages for page tables, from the boot block's memory; see reserved_low().
void init_early_pages(const still_boot_block& block);
// What init_early_pages and its users took: this range of that memory is in use.
struct PhysRange {
    PhysAddr start;
    PhysAddr end;
};
[[nodiscard]] PhysRange early_pages_taken();

// Before the kernel has page tables of its own: from now on all CPUs use five levels; boot_cr3 is of five, too.
[[nodiscard]] bool has_five_levels();
void begin_five_levels(const still_boot_block& block, PhysAddr image);

// The kernel's page tables: direct map of the instance's memory, the image W^X. Switches to them.
void build_kernel_map(const still_boot_block& block, PhysAddr image);

struct Start {
    const u64* stack_tops;
    u32 (*up)();          // how many CPUs there are
    void (*pause)();      // while it waits
    u32 first = 1;        // the CPUs below run
    u32 skip = 0;         // one that is not started, for tests; 0: none
    bool stopped = false; // by an INIT already: they wait for what starts them
};

// Starts all other CPUs of the block at once through the trampoline page; each enters still_secondary_main with a
// ticket, from first on, on stack_tops[ticket]. Returns the number of CPUs that did not come within the deadline.
u32 start_secondaries(const still_boot_block& block, PhysAddr image, const Start& start);

} // namespace still::arch
