// SPDX-License-Identifier: BSD-2-Clause
// Page tables of five levels (LA57), when the LWK is asked to. The kernel's half and each process's own tables stay as
// they are, of four: the fifth level has them as its last and its first entry.
#include <arch/boot.hpp>
#include <arch/cpu.hpp>
#include <arch/layout.hpp>
#include <arch/page_table.hpp>

extern "C" {
extern char boot_pml4[];
extern const char five_levels_start[], five_levels_end[];
}

namespace still::arch {

u64 user_end = user_limit;

namespace {
bool is_on = false;
}

bool five_levels()
{
    return is_on;
}

bool has_five_levels()
{
    return cpuid(0).a >= 7 && (cpuid(7).c & 1u << 16) != 0;
}

void begin_five_levels(const still_boot_block& block, PhysAddr image)
{
    // SAFETY: low memory is mapped one to one, and may be executed there. The table that this CPU came with, which is
    // below 4 GiB, has not been used since entry64, and the trampoline page is for nobody else: stillcore/boot_block.h.
    auto* top = reinterpret_cast<u64*>(block.boot_cr3);
    auto* page = reinterpret_cast<u8*>(block.trampoline_phys);
    const PhysAddr tables = image + (reinterpret_cast<u64>(boot_pml4) - image_link_offset);
    __builtin_memset(top, 0, page_size);
    top[0] = top[511] = tables.raw() | STILL_PTE_PRESENT | STILL_PTE_WRITE;
    __builtin_memcpy(page, five_levels_start, static_cast<usize>(five_levels_end - five_levels_start));
    reinterpret_cast<void (*)(u64)>(page)(block.boot_cr3);
    is_on = true;
    user_end = 1ull << 56;
}

} // namespace still::arch
