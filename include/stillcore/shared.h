/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The shared area of an OS instance: its state, the doorbell's target, the time, and the counters
 * that ihkosctl prints. It lies in Linux's memory, so that it outlives the LWK.
 * Each field has one writer, named beside it. Nobody trusts what the other side wrote here further
 * than showing it, except for the doorbell target and the time, which the LWK takes from Linux.
 */
#ifndef STILLCORE_SHARED_H
#define STILLCORE_SHARED_H

#include "types.h"

/* Life of the LWK, written by the LWK only (the module knows more states of the instance). */
enum still_state {
	STILL_STATE_NONE = 0,    /* not entered yet */
	STILL_STATE_BOOTING = 1, /* first CPU runs, the trampoline is still needed */
	STILL_STATE_RUNNING = 2,
	STILL_STATE_STOPPED = 3, /* all CPUs sit in HLT with interrupts off: INIT them */
	STILL_STATE_PANIC = 4,   /* panic_text says why; all CPUs that could be reached are halted */
};

/*
 * Linux's clocks, copied by the module at each update of Linux's timekeeper (seqcount: odd while
 * being written). ns since boot = mono_base + ((mono_frac + ((tsc - cycle_last) & mask) * mult) >> shift).
 */
struct still_time {
	uint32_t seq;
	uint32_t mult;
	uint32_t shift;
	uint32_t valid; /* 1: cycle_last counts TSC ticks; 0: Linux does not use the TSC, use tsc_khz */
	uint64_t cycle_last;
	uint64_t mask;
	uint64_t mono_base;       /* ns */
	uint64_t mono_frac;       /* ns << shift */
	uint64_t real_minus_mono; /* ns: CLOCK_REALTIME - CLOCK_MONOTONIC */
	uint64_t boot_minus_mono; /* ns: CLOCK_BOOTTIME - CLOCK_MONOTONIC */
};
STILL_ASSERT_SIZE(struct still_time, 64);

enum still_cpu_mode { STILL_CPU_OFF = 0, STILL_CPU_IDLE = 1, STILL_CPU_BUSY = 2 };

/* Counters of one LWK CPU, written by that CPU only. seq is odd while the time fields change. */
struct STILL_ALIGNAS(128) still_cpu_counters {
	uint32_t seq;
	uint32_t mode;        /* enum still_cpu_mode */
	uint64_t since_tsc;   /* when it entered this mode */
	uint64_t busy_tsc;    /* complete stretches; add now - since_tsc if mode is BUSY */
	uint64_t idle_tsc;    /* likewise for IDLE */
	uint64_t doorbells;   /* interrupts: from Linux */
	uint64_t reschedules; /* interrupts: from other LWK CPUs */
	uint64_t shootdowns;  /* interrupts: TLB invalidation */
	uint64_t timers;      /* interrupts: its own one-shot timer */
	uint64_t strays;      /* interrupts: vectors that are not the LWK's */
	uint64_t nmis;
	uint64_t syscalls_local;
	uint64_t syscalls_offloaded;
	uint64_t page_faults;
	uint64_t switches;
	uint32_t pid; /* what runs there: 0 for nothing */
	uint32_t tid;
	uint32_t runnable; /* length of the run queue, the running thread included */
	/* LWK memory: the number of the frame whose third 64-bit word is 0 while the CPU is in user mode, where it
	 * takes interrupts. 0: not told yet. */
	uint32_t entry_frame;
};
STILL_ASSERT_SIZE(struct still_cpu_counters, 128);
#define STILL_ENTRY_WORD 2 /* of the entry frame */

/*
 * The registers of a CPU as its last NMI, or its panic, found them. It answers an NMI by writing them, with the
 * ticket last. Dumps show them, and from them the watch tells what a CPU that takes no messages does.
 */
struct STILL_ALIGNAS(64) still_snapshot {
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint64_t rip, cs, rflags, rsp, ss;
	uint64_t fs_base;
	uint64_t gs_base; /* of the kernel: its struct for this CPU */
	uint64_t cr3;
	uint64_t tsc;    /* when; 0: never */
	uint32_t ticket; /* still_shared.nmi_ticket as it was */
	uint32_t held;   /* 1 while it stays in the handler */
	/* 1 + the CPU whose answer to an invalidation it waited for; 0: for none */
	uint32_t awaited;
	uint32_t reserved0;
	uint64_t reserved[6];
};
STILL_ASSERT_SIZE(struct still_snapshot, 256);

struct still_node_counters {
	uint64_t total; /* bytes of LWK memory, image and page metadata included */
	uint64_t free;  /* bytes */
};
STILL_ASSERT_SIZE(struct still_node_counters, 16);

struct STILL_ALIGNAS(128) still_shared {
	uint64_t magic;    /* module */
	uint32_t revision; /* module */
	uint32_t num_cpus; /* module */
	uint64_t reserved3;
	uint32_t hold;       /* module: a CPU that gets an NMI stays in its handler while this is not 0 */
	uint32_t nmi_ticket; /* module: raised before each round of NMIs */
	uint64_t reserved0[4];
	struct still_time time; /* module */
	uint32_t state;         /* LWK: enum still_state */
	uint32_t cpus_up;       /* LWK */
	uint32_t panic_cpu;     /* LWK */
	uint32_t processes;     /* LWK: processes that exist */
	uint64_t quarantined;   /* LWK: pages it gave to the module until their last reference is gone */
	uint64_t kept;     /* LWK: bytes of the nodes that it keeps, once taken, for its objects and tables */
	uint64_t cached;   /* LWK: bytes of the nodes, counted as free, that hold contents of files */
	uint64_t page_map; /* LWK: physical address of struct still_page_map (dump.h) */
	uint64_t oom_kills;   /* LWK: programs that were killed since there was no memory for them */
	uint32_t peers_shift; /* LWK, from RUNNING on: STILL_PEERS_SHIFT or STILL_PEERS_SHIFT_5 */
	uint32_t reserved1;
	char panic_text[192]; /* LWK: NUL terminated, valid once state is PANIC */
	uint8_t reserved2[64];
	struct still_node_counters nodes[STILL_MAX_NODES]; /* LWK */
	struct still_cpu_counters cpus[STILL_MAX_CPUS];    /* LWK, each its own */
	struct still_snapshot snapshots[STILL_MAX_CPUS];   /* LWK, each its own */
	/* module: where each CPU's doorbell goes, destination APIC id << 32 | vector, read as one word; 0: none */
	uint64_t doorbells[STILL_MAX_CPUS];
};
STILL_ASSERT_OFFSET(struct still_shared, time, 64);
STILL_ASSERT_OFFSET(struct still_shared, state, 128);
STILL_ASSERT_OFFSET(struct still_shared, panic_text, 192);
STILL_ASSERT_OFFSET(struct still_shared, nodes, 448);
STILL_ASSERT_OFFSET(struct still_shared, cpus, 1536);
STILL_ASSERT_OFFSET(struct still_shared, snapshots, 34304);
STILL_ASSERT_OFFSET(struct still_shared, doorbells, 99840);

/*
 * The log ring. The LWK appends; head counts all bytes ever written and only grows, the byte with
 * number n lies at data[n % capacity]. A reader that falls behind by more than capacity has lost
 * the difference. capacity is a power of two, set by the module; the LWK refuses to boot otherwise.
 */
struct STILL_ALIGNAS(64) still_log {
	uint64_t magic;    /* module */
	uint64_t capacity; /* module: bytes of data[] */
	uint64_t head;     /* LWK */
	uint64_t reserved[5];
	/* data[capacity] follows */
};
STILL_ASSERT_SIZE(struct still_log, 64);

#endif
