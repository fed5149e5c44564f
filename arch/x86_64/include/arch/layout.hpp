// SPDX-License-Identifier: BSD-2-Clause
// The kernel's half of every address space.
//   0xffff800000000000  direct map: instance memory and the pages lent by Linux, at base + physical address
//   0xffffffff80000000  the image, linked at base + 2 MiB
#pragma once

#include <base/types.hpp>

namespace still::arch {

constexpr u64 direct_base = 0xffff800000000000ull;
constexpr u64 kernel_base = 0xffffffff80000000ull;
constexpr u64 image_link_offset = 0x200000;       // kernel.ld
constexpr u64 user_limit = 0x0000800000000000ull; // first address that is not the user's

// The same for whatever a program may name: with five levels of page tables it sees peers behind its own memory.
extern u64 user_end;

// SAFETY: valid for memory that map_direct() or the boot code mapped.
template <class T = void> T* direct(PhysAddr a)
{
    return reinterpret_cast<T*>(direct_base + a.raw());
}
inline PhysAddr direct_to_phys(const void* p)
{
    return PhysAddr(reinterpret_cast<u64>(p) - direct_base);
}

} // namespace still::arch
