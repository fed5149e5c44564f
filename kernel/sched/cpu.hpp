// SPDX-License-Identifier: BSD-2-Clause
// An LWK CPU: what the machine needs of it, its run queue, its mailboxes.
#pragma once

#include <arch/cpu_local.hpp>
#include <atomic>
#include <base/spin_lock.hpp>
#include <sched/thread.hpp>
#include <stillcore/ring.h>
#include <stillcore/shared.h>

namespace still {

using ThreadQueue = bi::list<Thread, bi::constant_time_size<true>>;

struct Cpu {
    arch::CpuLocal arch; // first: GS points here

    SpinLock lock;
    ThreadQueue ready GUARDED_BY(lock);
    Thread* timers GUARDED_BY(lock) = nullptr; // by deadline
    Thread* current = nullptr;
    Thread idle;
    Thread* dead = nullptr;         // to be reaped after the switch
    AddressSpace* loaded = nullptr; // in CR3; nullptr: the kernel's own
    Thread* fpu_owner = nullptr;    // whose state the FPU registers hold
    u64 slice_end = 0;              // TSC; 0: no slice is running
    u64 timer_at = 0;               // TSC; when the timer fires, 0: it is not armed
    bool need_resched = false;
    bool hangs_in_nmi = false; // fault injection: these two
    bool idles_over_work = false;
    bool no_user_faults = false;      // a spin lock is held: user accesses fail instead of waiting for a page
    std::atomic<bool> leaving{false}; // it takes no threads any more; written under its lock

    std::atomic<u64> flush_wanted{0};
    std::atomic<u64> flush_done{0};
    volatile u32 awaited = 0;             // 1 + the CPU that it waits for in there, as an NMI finds it
    std::atomic<bool> flush_whole{false}; // with a flush: the kernel's translations, too
    std::atomic<bool> abort_rseq{false};  // with a flush: the running thread's critical section ends

    still_cpu_counters* counters = nullptr;
    still_cpu_counters own_counters; // when alone

    // IKC: ends of this CPU's ring pair (offload/ikc.cpp), and requests for its service thread.
    still_ring_end from_linux{};
    still_ring_end to_linux{};
    SpinLock to_linux_lock;
    Thread* service = nullptr;
    void* urgent_stacks = nullptr; // of NMI, double fault and machine check
};

// GS points at arch, the first member.
inline Cpu& this_cpu()
{
    return reinterpret_cast<Cpu&>(arch::cpu_local());
}

// An object stays for ever, also when its CPU has gone.
struct CpuTable {
    Cpu* of[STILL_MAX_CPUS] = {};
    std::atomic<u32> count{0};
};
extern CpuTable cpu_table;

// CPUs 0 to this take part. Only the last may come and go: see kernel/cpus.hpp.
[[nodiscard]] inline u32 num_cpus()
{
    return cpu_table.count.load(std::memory_order_relaxed);
}
[[nodiscard]] inline Cpu& cpu(CpuId id)
{
    return *cpu_table.of[id.value];
}
// Those that take threads: all but the last if it is about to leave.
[[nodiscard]] inline u32 num_cpus_for_threads()
{
    const u32 count = num_cpus();
    return count - (cpu(CpuId(count - 1)).leaving.load(std::memory_order_relaxed) ? 1 : 0);
}

} // namespace still
