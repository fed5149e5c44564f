// SPDX-License-Identifier: BSD-2-Clause
// What the LWK takes from ACPI when it boots alone (ACPI 6.5, chapter 5): CPUs, memory and distances of nodes,
// interrupt controllers, and how to switch the power off. Pure, and distrustful: tables come from firmware, and
// nothing that they say leads out of what the reader hands out.
#pragma once

#include <array>
#include <base/types.hpp>
#include <stillcore/boot_block.h>

namespace still::acpi {

constexpr u32 max_memory = 128; // pieces of memory with a node
constexpr u32 max_io_apics = 16;
constexpr u32 max_overrides = 32;
constexpr u32 max_notes = 16;

// size bytes of physical memory; nullptr: they can't be read. What it returns stays readable.
struct Reader {
    const u8* (*read)(void* context, u64 phys, u64 size);
    void* context;
};

struct CpuNode {
    u32 apic_id;
    u32 domain;
};
struct MemoryNode {
    u64 start;
    u64 end; // exclusive
    u32 domain;
};
struct IoApic {
    u64 address;
    u32 first; // global system interrupt
};
// Where an ISA interrupt arrives, and how (MPS INTI flags).
struct Override {
    u8 source;
    u16 flags;
    u32 global;
};
struct Port {
    u16 address = 0; // 0: none
    u8 width = 0;    // bits
};

struct Tables {
    u64 local_apic = 0xfee00000;
    u32 num_cpus = 0, num_cpu_nodes = 0, num_memory = 0, num_io_apics = 0, num_overrides = 0, num_notes = 0;
    std::array<u32, STILL_MAX_CPUS> cpus; // APIC ids of those that are there
    std::array<CpuNode, STILL_MAX_CPUS> cpu_nodes;
    std::array<MemoryNode, max_memory> memory;
    std::array<IoApic, max_io_apics> io_apics;
    std::array<Override, max_overrides> overrides;
    // SLIT: localities by their number; 0: the table is missing or no good.
    u32 num_localities = 0;
    std::array<std::array<u8, STILL_MAX_NODES>, STILL_MAX_NODES> distance;
    // Power off: SLP_TYP in PM1a (and PM1b) control, then SLP_EN.
    Port pm1a, pm1b, pm_timer, reset;
    u8 reset_value = 0;
    Port smi; // where smi_enable switches ACPI on
    u8 smi_enable = 0;
    bool has_s5 = false;
    u8 s5_a = 0, s5_b = 0;
    // What was refused, for the log.
    std::array<const char*, max_notes> notes;

    void note(const char* text)
    {
        for (u32 i = 0; i < num_notes; ++i)
            if (notes[i] == text)
                return;
        if (num_notes < max_notes)
            notes[num_notes++] = text;
    }
    // The global interrupt of an ISA one, with its flags.
    [[nodiscard]] Override route(u8 source) const;
};

// rsdp: physical address of the root pointer. What is malformed is left out, with a note.
void read_tables(Tables& out, const Reader& reader, u64 rsdp);

// The boot block's CPUs, nodes and distances from the tables: the CPU with APIC id self comes first, ids above
// last_id are left out. Its ranges, as the loader named them, are sorted, made disjoint and cut where nodes meet.
void fill_block(still_boot_block& block, Tables& tables, u32 self, u32 last_id);

} // namespace still::acpi
