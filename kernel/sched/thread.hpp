// SPDX-License-Identifier: BSD-2-Clause
// A thread of the kernel's: of a process, or one of its own (idle, service).
#pragma once

#include <arch/context.hpp>
#include <arch/cpu_local.hpp>
#include <atomic>
#include <mm/frame.hpp>
#include <stillcore/process.h>

namespace still {

class AddressSpace;
struct Cpu;
struct Process;

using CpuMask = u64[STILL_MAX_CPUS / 64];

// As sched(7) has it.
enum class Policy : u8 { other = 0, fifo = 1, rr = 2, batch = 3, idle = 5, deadline = 6 };
struct Scheduling {
    Policy policy = Policy::other;
    u8 priority = 0; // of fifo and rr: 1..99
    i32 nice = 0;
    bool reset_on_fork = false;

    [[nodiscard]] bool is_real_time() const { return policy == Policy::fifo || policy == Policy::rr; }
    [[nodiscard]] u32 rt_priority() const { return is_real_time() ? priority : 0; }
};

struct Thread : ListHook {
    enum class State : u8 { running, ready, parked, dead };

    // Under the lock of cpu's run queue.
    State state = State::parked;
    bool queued =
        false; // on cpu's list of ready threads; a ready one on no list is on its way to another CPU
    bool permit = false; // an unpark() that came before the park()
    Cpu* cpu = nullptr;

    u64 stack = 0;                 // kernel stack, lowest address
    u64 saved_sp = 0;              // while not running
    AddressSpace* space = nullptr; // nullptr: a kernel thread, runs on whatever is loaded
    void* fpu = nullptr;           // XSAVE area, nullptr: a kernel thread
    u32 fpu_order = 0;
    Cpu* fpu_cpu = nullptr; // whose registers hold this thread's state, if still its owner
    arch::UserSegments segments;
    u64 affinity[STILL_MAX_CPUS / 64] = {};
    Scheduling sched; // under the lock of cpu's run queue
    u32 boost = 0;    // likewise: the real-time priority of who waits for it (futex_boost.cpp); 0: none
    bool was_switched = false; // since it was last looked at: see exec/rseq.cpp
    // Something may have happened that matters on the way back to user mode: it was switched, an interrupt came while
    // it was in the kernel, or its own call asks for it. Written by its own CPU.
    bool attention = false;
    u64 busy_tsc = 0;  // complete stretches on a CPU
    u64 since_tsc = 0; // start of the running one

    still_slot* quick_slot = nullptr; // for CpuLocal's while it runs and nobody else is ready

    // Timer, under the lock of cpu's run queue.
    u64 deadline = 0; // TSC; 0: none
    Thread* next_timer = nullptr;

    void (*on_reap)(Thread*) = nullptr; // frees what is above; called on another thread's stack
    Process* process = nullptr;
    u32 pid = 0; // 0: a kernel thread
    u32 tid = 0;
    const char* name = "";

    void note_switch() { was_switched = attention = true; }
    [[nodiscard]] u32 rt_priority() const { return sched.rt_priority(); }
    // The real-time priority that it runs with.
    [[nodiscard]] u32 urgency() const { return rt_priority() > boost ? rt_priority() : boost; }
    [[nodiscard]] u64 stack_top() const { return stack + arch::kernel_stack_size; }
    [[nodiscard]] bool may_run_on(CpuId c) const
    {
        return (affinity[c.value / 64] >> (c.value % 64) & 1) != 0;
    }
};

} // namespace still
