// SPDX-License-Identifier: BSD-2-Clause
// Page tables of five levels (LA57), when the LWK is booted alone and asked to. The kernel's half and each process's
// own tables stay as they are, of four: the fifth level has them as its last and its first entry.
#include <arch/boot.hpp>
#include <arch/cpu.hpp>
#include <arch/layout.hpp>
#include <arch/page_table.hpp>

extern "C" {
extern char boot_pml4[], boot_pml5[];
void still_enter_five_levels(unsigned long root);
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

PhysAddr begin_five_levels()
{
    // SAFETY: booted alone these lie below 4 GiB, at the addresses that they are linked to, mapped one to one.
    const u64 root = reinterpret_cast<u64>(boot_pml5);
    auto* top = reinterpret_cast<u64*>(root);
    top[0] = top[511] = reinterpret_cast<u64>(boot_pml4) | STILL_PTE_PRESENT | STILL_PTE_WRITE;
    still_enter_five_levels(root);
    is_on = true;
    user_end = 1ull << 56;
    return PhysAddr(root);
}

} // namespace still::arch
