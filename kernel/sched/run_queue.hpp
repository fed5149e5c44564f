// SPDX-License-Identifier: BSD-2-Clause
// The inside of the scheduler: a CPU's list of ready threads, its timer and its slice.
#pragma once

#include <sched/cpu.hpp>

namespace still {

// Sets the one timer to what comes first: the slice's end or a deadline.
void program_timer(Cpu& c) REQUIRES(c.lock);
// The system call entry may poll while nobody waits for the CPU.
void update_quick_slot(Cpu& c) REQUIRES(c.lock);
// A slice runs only while somebody waits who may have the CPU.
void update_slice(Cpu& c) REQUIRES(c.lock);
void insert_timer(Cpu& c, Thread& t) REQUIRES(c.lock);
void remove_timer(Cpu& c, Thread& t) REQUIRES(c.lock);

// Shall t, just ready, take the CPU from whom it has?
[[nodiscard]] bool preempts(const Cpu& c, const Thread& t);
// Behind all that are at least as urgent.
void make_ready(Cpu& c, Thread& t) REQUIRES(c.lock);
void take_off(Cpu& c, Thread& t) REQUIRES(c.lock);
// Has another CPU look at its list.
void notify(Cpu& target);

// placement.cpp: an idle CPU that t may move to, if its own is busy; or nullptr.
[[nodiscard]] Cpu* better_cpu(Thread& t, Cpu& home);
// Takes a thread for an idle CPU that waits for its turn on a busy one.
bool steal_for(Cpu& c);
// Where its affinity allows. t is on no list: nobody else moves it.
void put_anywhere(Thread& t);
// Once the CPUs that it was bound to have all gone it may run on any, as on Linux.
void lift_affinity_if_gone(Thread& t);

} // namespace still
