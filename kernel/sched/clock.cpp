// SPDX-License-Identifier: BSD-2-Clause
#include <arch/cpu.hpp>
#include <base/mul_div.hpp>
#include <sched/clock.hpp>

namespace still {

namespace {

u64 khz = 1;
u64 boot_tsc = 0;
const still_time* linux_time = nullptr;
u64 real_minus_boot = 0; // alone

struct Snapshot {
    u64 mono;
    u64 real;
    u64 boot;
};

Snapshot now()
{
    const u64 since_boot = tsc_to_ns(arch::read_tsc() - boot_tsc);
    if (linux_time == nullptr)
        return {since_boot, since_boot + real_minus_boot, since_boot};
    // Linux's sequence counter (include/linux/seqlock.h describes the protocol); bounded by Linux being alive.
    for (;;) {
        const u32 seq = __atomic_load_n(&linux_time->seq, __ATOMIC_ACQUIRE);
        const still_time t = *linux_time;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if ((seq & 1) == 0 && seq == __atomic_load_n(&linux_time->seq, __ATOMIC_RELAXED)) {
            const u64 delta = (arch::read_tsc() - t.cycle_last) & t.mask;
            u64 ns;
            if (t.valid != 0)
                ns = t.mono_base +
                     static_cast<u64>((static_cast<unsigned __int128>(delta) * t.mult + t.mono_frac) >>
                                      (t.shift & 63));
            else
                ns = t.mono_base + tsc_to_ns(arch::read_tsc() - t.cycle_last);
            return {ns, ns + t.real_minus_mono, ns + t.boot_minus_mono};
        }
        __builtin_ia32_pause();
    }
}

} // namespace

void init_clock(u64 tsc_khz, const still_time* shared)
{
    khz = tsc_khz != 0 ? tsc_khz : 1;
    boot_tsc = arch::read_tsc();
    linux_time = shared;
}

void set_realtime(u64 ns)
{
    real_minus_boot = ns - monotonic_ns();
}

still_clock_page clock_page()
{
    return {boot_tsc, khz, real_minus_boot};
}

u64 us_to_tsc(u64 us)
{
    if ((us | khz) <= ~0u) [[likely]]
        return us * khz / 1000;
    return mul_div(us, khz, 1000);
}

u64 tsc_to_ns(u64 ticks)
{
    return mul_div(ticks, 1'000'000, khz);
}

u64 monotonic_ns()
{
    return now().mono;
}
u64 realtime_ns()
{
    return now().real;
}
u64 boottime_ns()
{
    return now().boot;
}

u64 tsc_at_monotonic(u64 ns)
{
    const u64 mono = monotonic_ns();
    const u64 tsc = arch::read_tsc();
    if (ns <= mono)
        return tsc;
    return tsc + min<u64>(mul_div(ns - mono, khz, 1'000'000), 1ull << 62) + 1;
}

} // namespace still
