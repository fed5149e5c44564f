// SPDX-License-Identifier: BSD-2-Clause
// What the machine's entry code calls. Defined above arch/, in kernel/main.cpp and kernel/syscall/.
#pragma once

#include <arch/trap_frame.hpp>

extern "C" {
// Interrupts and exceptions. Interrupts are off.
void still_trap(still::arch::TrapFrame* frame);
// A system call; the result goes to frame->rax. Returns 1 if the frame was rewritten (leave by IRET).
unsigned long still_syscall(still::arch::TrapFrame* frame);
// The same for a call that the entry has sent to Linux, and that was not answered at once.
unsigned long still_syscall_posted(still::arch::TrapFrame* frame);
// NMI, double fault, machine check: on their own stacks, at any moment.
void still_urgent_trap(still::arch::TrapFrame* frame);
// First C++ code on the first CPU, and on each other one.
[[noreturn]] void still_main(unsigned long info_phys, unsigned long loader_magic, unsigned long image_phys);
[[noreturn]] void still_secondary_main(unsigned long ticket);
[[noreturn]] void still_abort(const char* what);
}
