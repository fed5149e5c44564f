// SPDX-License-Identifier: BSD-2-Clause
// The vDSO: the image has its code, the page below it the clock's facts, and all processes have both mapped.
#include <arch/layout.hpp>
#include <mm/frame_allocator.hpp>
#include <sched/clock.hpp>
#include <services/vdso.hpp>

extern "C" const char still_vdso_start[], still_vdso_end[]; // kernel/vdso.S

namespace still::services {

namespace {

PhysAddr start;
u32 num_pages = 0;

} // namespace

bool make_vdso()
{
    const u64 bytes = static_cast<u64>(still_vdso_end - still_vdso_start);
    num_pages = static_cast<u32>(1 + (bytes + page_size - 1) / page_size);
    u32 order = 0;
    while (order_bytes(order) < num_pages * page_size)
        ++order;
    auto* room = static_cast<u8*>(frames::allocate_memory(NodeId(0), order));
    if (room == nullptr || num_pages > STILL_MAX_VDSO_PAGES)
        return false;
    const still_clock_page clock = clock_page();
    __builtin_memset(room, 0, num_pages * page_size);
    __builtin_memcpy(room, &clock, sizeof(clock));
    __builtin_memcpy(room + page_size, still_vdso_start, bytes);
    start = arch::direct_to_phys(room);
    return true;
}

void describe_vdso(still_proc_page& page)
{
    page.num_vvar_pages = 1;
    page.num_vdso_pages = num_pages;
    for (u32 i = 0; i < num_pages; ++i)
        page.vdso_frames[i] = (start + i * page_size).raw();
}

} // namespace still::services
