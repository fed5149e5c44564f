// SPDX-License-Identifier: BSD-2-Clause
// Programs as elf(5) has them, checked: nothing that is read is trusted. Pure.
#pragma once

#include <base/result.hpp>

namespace still::services {

struct ElfSource {
    bool (*read)(void* context, u64 offset, void* to, u64 bytes); // all of it, or false
    void* context;
    u64 size;
};

struct ElfLoad {
    u64 address;
    u64 memory_bytes;
    u64 file_bytes; // at most memory_bytes
    u64 offset;     // same offset in its page as address
    u32 prot;       // PROT_*
};

struct ElfImage {
    static constexpr u32 max_loads = 12;
    bool position_independent = false;
    bool executable_stack = false;
    u64 entry = 0;
    u64 headers = 0; // address of the program headers, 0: not in memory
    u16 num_headers = 0;
    u64 low = 0;  // page of the lowest byte
    u64 high = 0; // page behind the highest
    u64 align = page_size;
    u32 num_loads = 0;
    ElfLoad loads[max_loads]; // ascending, disjoint
    u64 interpreter_offset = 0;
    u64 interpreter_bytes = 0; // with its NUL, 0: none
};

constexpr u64 elf_user_end = 0x7ffffffff000;

// noexec: it is no such program, or malformed; *why says in which way.
Status parse_elf(const ElfSource& file, ElfImage& image, const char** why);

} // namespace still::services
