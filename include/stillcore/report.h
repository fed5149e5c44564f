/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the LWK says of a process when Linux asks (STILL_IOC_REPORT, STILL_MSG_REPORT): the facts from which
 * mcexec makes /proc/PID/maps, stat, status and the like. The LWK writes records into the instance's report
 * area; nobody trusts them further than showing them.
 */
#ifndef STILLCORE_REPORT_H
#define STILLCORE_REPORT_H

#include "process.h"
#include "types.h"

#define STILL_REPORT_BYTES 0x40000ull /* the report area */

enum still_report_kind {
	STILL_REPORT_PROCESS = 1, /* one still_report_process */
	STILL_REPORT_THREADS = 2, /* still_report_thread[], cursor: how many to skip */
	STILL_REPORT_AREAS = 3,   /* still_report_area[] ascending, cursor: lowest address */
	STILL_REPORT_SIZES = 4,   /* likewise, with the resident bytes of each: a walk of the page tables */
	/* Of a process that ends with a core file: one still_report_registers, of the thread whose id cursor is.
	 * ESRCH: it has ended; EAGAIN: it is on its way to where its registers are known. */
	STILL_REPORT_REGISTERS = 5,
	STILL_REPORT_USAGE =
		6, /* still_report_usage[], of the nodes where it has memory: a walk of the page tables */
};

struct still_report_process {
	uint32_t pid;
	uint32_t num_threads;
	uint64_t virtual_bytes;
	uint64_t resident_bytes;
	uint64_t peak_virtual_bytes;
	uint64_t peak_resident_bytes;
	uint64_t data_bytes;   /* private, writable, not a stack */
	uint64_t stack_bytes;  /* of the main stack's area */
	uint64_t code_bytes;   /* executable file areas */
	uint64_t locked_bytes; /* mlock(2) and its like, shared memory included */
	uint64_t brk_start;
	uint64_t brk_end;
	uint64_t cpu_ns; /* on LWK CPUs, ended threads included */
	uint64_t page_faults;
	uint64_t pending_signals; /* of the process as a whole; bit n-1: signal n */
	uint64_t ignored_signals;
	uint64_t caught_signals;
	struct still_limit limit_as;
	struct still_limit limit_data;
	struct still_limit limit_stack;
	struct still_limit limit_memlock;
	uint64_t cpu_mask[STILL_MAX_CPUS / 64]; /* LWK CPUs that the process may use */
	struct still_limit limit_cpu;
	uint64_t calls_offloaded; /* by all its threads, modulo 2^32 for each slot */
	uint32_t num_offloading;  /* threads that wait for Linux's answer now */
	uint8_t peers_shift;      /* of a member of a group (peers.h); 0: it is none */
	uint8_t peers_rank;
	uint8_t peers_size;
	uint8_t reserved;
};
STILL_ASSERT_SIZE(struct still_report_process, 256);

struct still_report_usage {
	uint32_t node;
	uint32_t reserved;
	uint64_t bytes[3]; /* in pages of 4 KiB, 2 MiB, 1 GiB */
};
STILL_ASSERT_SIZE(struct still_report_usage, 32);

enum still_thread_state { STILL_THREAD_RUNNING = 0, STILL_THREAD_WAITING = 1 };

struct still_report_thread {
	uint32_t tid;
	uint32_t state; /* enum still_thread_state */
	uint32_t cpu;   /* where it runs or ran last */
	uint32_t reserved;
	uint64_t cpu_ns;
	uint64_t pending_signals;
	uint64_t blocked_signals;
	uint64_t affinity[STILL_MAX_CPUS / 64];
};
STILL_ASSERT_SIZE(struct still_report_thread, 72);

enum still_area_kind {
	STILL_AREA_ANONYMOUS = 1,
	STILL_AREA_FILE = 2,  /* private pages of a file */
	STILL_AREA_DATA = 3,  /* Linux's time pages: [vvar] */
	STILL_AREA_VDSO = 4,  /* Linux's vDSO */
	STILL_AREA_LINUX = 5, /* its home is Linux: the proxy's own map says more */
};

#define STILL_AREA_STACK 0x1u   /* the main stack */
#define STILL_AREA_HUGE_2M 0x2u /* MAP_HUGETLB, and its page size */
#define STILL_AREA_HUGE_1G 0x4u
#define STILL_AREA_LOCKED 0x8u

struct still_report_area {
	uint64_t start;
	uint64_t end;
	uint64_t file_offset;
	uint64_t resident_bytes; /* STILL_REPORT_SIZES only */
	uint32_t prot;           /* PROT_* */
	uint16_t kind;           /* enum still_area_kind */
	uint16_t flags;          /* STILL_AREA_* */
	int32_t file;            /* handle, or -1 */
	uint32_t reserved;
};
STILL_ASSERT_SIZE(struct still_report_area, 48);

/* What the program saw in its registers last. */
struct still_registers {
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint64_t orig_rax; /* the number of the system call that it is in, or ~0 */
	uint64_t rip, rflags, rsp;
	uint64_t fs_base, gs_base;
	uint64_t reserved[3];
};
STILL_ASSERT_SIZE(struct still_registers, 192);

struct still_report_registers {
	struct still_registers regs;
	uint8_t xsave[0x3000 - 192]; /* as XSAVE writes it: 64-byte aligned if the whole is */
};
STILL_ASSERT_SIZE(struct still_report_registers, 0x3000);

#endif
