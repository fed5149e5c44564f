// SPDX-License-Identifier: BSD-2-Clause
// Run queues for each CPU, co-operative round robin; a slice only while a CPU has more than one runnable
// thread, a timer only for those and for programs' timeouts. Threads wait by park() and are woken by
// unpark(): a permit, so that no wakeup is lost between looking and waiting.
#pragma once

#include <sched/cpu.hpp>

namespace still {

[[nodiscard]] inline Thread& current_thread()
{
    return *this_cpu().current;
}

// Turns the code that runs now into this CPU's idle thread.
void adopt_idle(Cpu& c);
[[noreturn]] void idle_loop();

// A kernel thread on one CPU. Parked until unpark().
Thread* make_kernel_thread(Cpu& c, const char* name, void (*entry)(void*), void* argument);
// Likewise, for one that runs before every program and may end: its memory is freed then.
Thread* make_helper_thread(Cpu& c, const char* name, void (*entry)(void*), void* argument);
void discard_helper_thread(Thread& t); // if it was never unparked
// Gives a thread a kernel stack whose first switch calls entry. false: no memory.
bool prepare_thread(Thread& t, NodeId node, void (*entry)(void*), void* argument);
void free_thread_memory(Thread& t);

// A CPU for a new thread: allowed, least loaded. Any, if no CPU of these is left.
[[nodiscard]] Cpu& choose_cpu(const CpuMask& allowed);
// Those of the set that take threads; false: none does.
bool keep_present(CpuMask& set);
// First run of a thread that is set up.
void start_thread(Thread& t, Cpu& c);

// Waits for a permit. Spurious returns are possible: callers look again. No lock is held.
void park();
// Likewise, at most until the TSC reaches deadline.
void park_until(u64 deadline);
void unpark(Thread& t);
// Lets others run, if there are any as urgent. false: nobody waits.
bool yield();
// Lets anybody run: for loops that wait for another thread's progress.
void wait_a_moment();
// Moves the current thread to a CPU that its affinity allows.
void obey_affinity();
[[noreturn]] void exit_current();
// At the way back to user mode: switch if something more urgent is ready.
void reschedule_if_needed();
// Is there a thread that is ready to run here? Without locks: a hint.
[[nodiscard]] inline bool somebody_waits(const Cpu& c) NO_THREAD_SAFETY
{
    return !c.ready.empty();
}
// The slot on which the system call entry may send t's calls by itself; nullptr: on none.
void set_quick_slot(Thread& t, still_slot* slot);
// Make the CPU on which t runs take notice of t's flags. No-op if it is not running.
void kick(Thread& t);

void on_reschedule_interrupt();
void on_timer_interrupt();
// Boot option "flush=always": every CPU drops its programs' translations each 10 ms. For QEMU, whose TLB in software
// only grows when it is flushed: without it a program that computes alone keeps the smallest one, of 256 entries. Costs
// an interrupt and two switches each time; hardware has no use for it.
void keep_flushing();
void keep_flushing(Cpu& c); // a CPU that has come later, if the others do

// Makes space (nullptr: none but the kernel's) the one that this CPU translates by.
void load_space(Cpu& c, AddressSpace* space);
// Flushes the user TLB of all CPUs that may hold translations of that space; CPUs that only idle on it drop it.
// No lock is held.
void shoot_down(AddressSpace& space);
// A full memory barrier, and a serialising instruction, on all CPUs that run in that space (nullptr: on all).
// rseq: their threads' restartable sequences end. only: on that CPU alone, if it runs there.
void fence(AddressSpace* space, bool rseq, const CpuId* only = nullptr);
// All CPUs drop what they know of the kernel's own map; whatever they did with interrupts off before is over then.
void flush_kernel_translations();
void on_shootdown_interrupt();

// The last CPU goes, by its service thread: first its threads go to others, then nobody asks it for anything any more.
void vacate_cpu();
void retire_cpu();

// Panic and shutdown: has each other CPU halt for ever, by NMI, whatever it does.
void stop_other_cpus();
[[nodiscard]] u32 cpus_halted();
// From the NMI handler: does not return if this CPU is to halt.
void halt_if_told();

// A thread's policy and priority, from now on.
void set_scheduling(Thread& t, const Scheduling& wanted);
// It runs at least as urgently as a thread of that real-time priority; 0: by its own.
void set_boost(Thread& t, u32 priority);
[[nodiscard]] u64 slice_of(const Scheduling& s); // microseconds; 0: none, it runs until it waits
u64 busy_ticks(const Thread& t);                 // TSC ticks on a CPU so far

} // namespace still
