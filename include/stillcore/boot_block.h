/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The boot block: all that an LWK is told at boot. Whoever starts it fills this in: the Linux
 * module beside Linux, the LWK's own early code when it boots alone.
 *
 * Entry contract (64-bit entry of the image, on the first CPU of the list): long mode, interrupts
 * off, RDI = physical address of the boot block, CR3 = boot_cr3, whose tables map the first
 * 512 GiB of physical memory one to one with 1 GiB pages, writable and executable. Everything else
 * is undefined; the image brings its own stack, GDT and IDT. The LWK copies the block once and then
 * checks it. It starts the other CPUs itself through the trampoline page, which it overwrites with
 * its own code; boot_cr3, the trampoline page and the block are the LWK's until still_shared.state
 * leaves STILL_STATE_BOOTING.
 */
#ifndef STILLCORE_BOOT_BLOCK_H
#define STILLCORE_BOOT_BLOCK_H

#include "types.h"

#define STILL_BOOT_BESIDE_LINUX 0x1u /* shared area, log and rings are there; else the LWK is alone */
#define STILL_BOOT_X2APIC 0x2u       /* the CPUs were left in x2APIC mode */

/* Nodes are the instance's own: 0..num_nodes-1, in Linux's order those that give it CPUs or memory. */
struct still_boot_cpu {
	uint32_t apic_id;   /* physical APIC id */
	uint32_t linux_cpu; /* number in Linux, for messages only */
	uint32_t node;      /* NUMA node, below num_nodes */
	uint32_t reserved;
};
STILL_ASSERT_SIZE(struct still_boot_cpu, 16);

struct still_boot_range {
	uint64_t start; /* bytes, page aligned */
	uint64_t end;   /* exclusive */
	uint32_t node;
	uint32_t reserved;
};
STILL_ASSERT_SIZE(struct still_boot_range, 24);

/* Control registers and MSRs of a running Linux CPU, captured before the first CPU was taken. */
struct still_cpu_state {
	uint64_t cr0;
	uint64_t cr4;
	uint64_t efer;
	uint64_t pat;
	uint64_t xcr0; /* 0 if the CPU has no XSAVE */
	uint64_t xss;
	uint64_t misc_enable; /* IA32_MISC_ENABLE, 0 if absent */
	uint64_t spec_ctrl;   /* IA32_SPEC_CTRL, 0 if absent */
	uint64_t mtrr_def_type;
	uint64_t reserved[3];
};
STILL_ASSERT_SIZE(struct still_cpu_state, 96);

struct still_boot_block {
	uint64_t magic;    /* STILL_MAGIC */
	uint32_t revision; /* STILL_REVISION */
	uint32_t size;     /* sizeof(struct still_boot_block) */
	uint32_t flags;    /* STILL_BOOT_* */
	uint32_t num_cpus; /* 1..STILL_MAX_CPUS; cpus[0] is the one that enters first */
	uint32_t num_ranges;
	uint32_t num_nodes;
	uint64_t image_phys;      /* where the image lies: inside one of the ranges, 2 MiB aligned */
	uint64_t image_size;      /* bytes, .bss included */
	uint64_t boot_cr3;        /* below 4 GiB */
	uint64_t trampoline_phys; /* a page below 1 MiB */
	uint64_t max_phys;        /* first byte after all RAM of the machine */
	uint64_t shared_phys;     /* struct still_shared */
	uint64_t log_phys;        /* struct still_log with its bytes */
	uint64_t log_size;        /* bytes, header included */
	uint64_t rings_phys;      /* struct still_ring_pair[num_cpus], one pair for each LWK CPU */
	uint64_t lapic_phys;      /* xAPIC register page */
	uint64_t tsc_khz;
	uint64_t random_seed[4]; /* fresh from Linux's generator */
	struct still_cpu_state linux_state;
	uint64_t report_phys;    /* where STILL_MSG_REPORT is answered, STILL_REPORT_BYTES */
	uint64_t initramfs_phys; /* a cpio archive in memory that no one else uses; 0: none */
	uint64_t initramfs_size; /* bytes */
	uint64_t reserved[5];
	char cmdline
		[1024]; /* options of the LWK, then "--", the initial task and its arguments; NUL terminated */
	uint8_t distance[STILL_MAX_NODES][STILL_MAX_NODES]; /* SLIT, 10 is local */
	struct still_boot_cpu cpus[STILL_MAX_CPUS];
	struct still_boot_range ranges[STILL_MAX_RANGES]; /* ascending, disjoint */
};
STILL_ASSERT_OFFSET(struct still_boot_block, image_phys, 32);
STILL_ASSERT_OFFSET(struct still_boot_block, shared_phys, 72);
STILL_ASSERT_OFFSET(struct still_boot_block, random_seed, 120);
STILL_ASSERT_OFFSET(struct still_boot_block, linux_state, 152);
STILL_ASSERT_OFFSET(struct still_boot_block, initramfs_phys, 256);
STILL_ASSERT_OFFSET(struct still_boot_block, cmdline, 312);
STILL_ASSERT_OFFSET(struct still_boot_block, distance, 1336);
STILL_ASSERT_OFFSET(struct still_boot_block, cpus, 5432);
STILL_ASSERT_OFFSET(struct still_boot_block, ranges, 9528);
STILL_ASSERT_SIZE(struct still_boot_block, 34104);

#endif
