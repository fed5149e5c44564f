/* SPDX-License-Identifier: GPL-2.0-only */
/* CPUs that Linux does not run on: INIT, SIPI, doorbells; and what a running Linux CPU looks like. */
#ifndef STILL_CORES_H
#define STILL_CORES_H

#include <linux/types.h>
#include <stillcore/boot_block.h>

struct still_os;

void still_core_doorbell(u32 apic_id);
void still_core_init(u32 apic_id);
/* parked: none of them executes anything, they are halted with interrupts off. */
void still_cores_init(const struct still_os *os, bool parked);
void still_cores_init_at_once(const struct still_os *os); /* panic: no sleeping, no locks */
void still_core_nmi(u32 apic_id);
void still_cores_nmi(const struct still_os *os);
void still_core_start(u32 apic_id, phys_addr_t trampoline);

void still_capture_cpu_state(unsigned int cpu);
extern struct still_cpu_state still_linux_cpu_state;

/* The trampoline page below 1 MiB, see boot.c and trampoline.S */
struct still_trampoline_args {
	u64 cr3;
	u64 entry;
	u64 boot_block;
};

extern const char still_trampoline_start[], still_trampoline_args[], still_trampoline_end[];

#endif
