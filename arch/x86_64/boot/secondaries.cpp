// SPDX-License-Identifier: BSD-2-Clause
// Starting the other CPUs, all at once (SDM vol. 3, 8.4.4).
#include <arch/apic.hpp>
#include <arch/boot.hpp>
#include <arch/cpu.hpp>
#include <arch/layout.hpp>
#include <arch/page_table.hpp>
#include <arch/upcalls.hpp>

extern "C" {
extern const char ap_trampoline[], ap_trampoline_end[], ap_trampoline_cr3[], ap_trampoline_root[],
    ap_trampoline_entry[], ap_trampoline_cr4[], ap_trampoline_far32[], ap_trampoline_far64[],
    ap_trampoline_gdt_pointer[];
extern char entry64_ap[];
extern still::u64 ap_stacks[256], ap_ticket;
}

namespace still::arch {

namespace {

// Until is_enough() or the time is over. A pause may take long: others run meanwhile.
template <class Condition>
void wait_us(const still_boot_block& block, u64 us, void (*pause)(), Condition is_enough)
{
    const u64 start = read_tsc();
    while (!is_enough() && read_tsc() - start < block.tsc_khz * us / 1000)
        pause();
}

// The pause behind INIT is the MP specification's, for CPUs with an APIC of their own chip; Linux makes it where this
// says so, too.
bool init_takes_time()
{
    const Cpuid vendor = cpuid(0);
    const Cpuid model = cpuid(1);
    u32 family = model.a >> 8 & 15;
    if (family == 15)
        family += model.a >> 20 & 255;
    constexpr u32 intel = 0x756e6547, amd = 0x68747541, hygon = 0x6f677948; // of EBX: Genu, Auth, Hygo
    if (vendor.b == intel)
        return family < 6 || family == 15;
    return vendor.b != hygon && (vendor.b != amd || family < 15);
}

template <class T> T& field(u8* page, const char* symbol, u64 skip = 0)
{
    // SAFETY: symbol lies inside the trampoline, which was copied to page; x86 allows unaligned access.
    return *reinterpret_cast<T*>(page + (symbol - ap_trampoline) + skip);
}

} // namespace

u32 start_secondaries(const still_boot_block& block, PhysAddr image, const Start& start)
{
    if (block.num_cpus == start.first)
        return 0;
    ap_ticket = start.first;
    const PhysAddr at(block.trampoline_phys);
    if (!map_lent(at, page_size))
        still_abort("no memory to map the trampoline");
    auto* page = direct<u8>(at);
    __builtin_memcpy(page, ap_trampoline, static_cast<usize>(ap_trampoline_end - ap_trampoline));
    field<u32>(page, ap_trampoline_cr3) = static_cast<u32>(block.boot_cr3);
    field<u64>(page, ap_trampoline_root) = kernel_top().raw();
    if (five_levels())
        field<u32>(page, ap_trampoline_cr4) |= static_cast<u32>(cr4::la57);
    field<u64>(page, ap_trampoline_entry) =
        image.raw() + (reinterpret_cast<u64>(entry64_ap) - image_link_offset);
    field<u32>(page, ap_trampoline_far32) += static_cast<u32>(at.raw());
    field<u32>(page, ap_trampoline_far64) += static_cast<u32>(at.raw());
    field<u32>(page, ap_trampoline_gdt_pointer, 2) += static_cast<u32>(at.raw());
    for (u32 i = start.first; i < block.num_cpus; ++i)
        ap_stacks[i] = start.stack_tops[i];
    for (u32 i = start.first; i < block.num_cpus && !start.stopped; ++i)
        send_init(block.cpus[i].apic_id);
    if (!start.stopped && init_takes_time())
        wait_us(block, 10'000, start.pause, [] { return false; });
    const auto all_came = [&] { return start.up() >= block.num_cpus; };
    for (u32 round = 0; round < 2 && !all_came(); ++round) {
        for (u32 i = start.first; i < block.num_cpus; ++i)
            if (i != start.skip)
                send_startup(block.cpus[i].apic_id, at);
        // One is always enough where we looked; the second is for CPUs that want two. What comes at all comes within
        // milliseconds, but for CPUs that a busy host emulates.
        wait_us(block, round == 0 ? 200'000 : 7'000'000, start.pause, all_came);
    }
    return block.num_cpus - start.up();
}

} // namespace still::arch
