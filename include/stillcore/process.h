/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is known of a process on both sides. The still_proc_page is written by the module (from checked
 * ioctl arguments) and read once by the LWK at each message that refers to it; mcexec can't map it.
 * The slots follow it in the same physically contiguous area, and only they are mapped by mcexec.
 */
#ifndef STILLCORE_PROCESS_H
#define STILLCORE_PROCESS_H

#include "slot.h"
#include "types.h"

#define STILL_MAX_APP_RANGES 4
#define STILL_MAX_SEGMENTS 32
#define STILL_MAX_VDSO_PAGES 16
#define STILL_PROC_SLOTS 96u   /* in the first chunk: three pages */
#define STILL_MORE_SLOTS 1024u /* in each further chunk of 128 KiB, made when the LWK asks for it */
#define STILL_MAX_CHUNKS 33u
#define STILL_MAX_SLOTS (STILL_PROC_SLOTS + (STILL_MAX_CHUNKS - 1) * STILL_MORE_SLOTS)

struct still_range {
	uint64_t start; /* page aligned */
	uint64_t end;   /* exclusive */
};

struct still_limit {
	uint64_t soft; /* RLIM_INFINITY: ~0 */
	uint64_t hard;
};

/* Segment kinds. */
#define STILL_SEGMENT_STACK 0x1u /* grows down to its start on demand, MAP_STACK */
#define STILL_SEGMENT_VDSO 0x2u  /* Linux's time and vDSO pages go here; len is ignored */

struct still_segment {
	uint64_t addr;  /* page aligned, inside the application's ranges */
	uint64_t len;   /* bytes, page aligned, not 0 */
	uint32_t prot;  /* PROT_READ|WRITE|EXEC */
	uint32_t flags; /* STILL_SEGMENT_* */
	int32_t file;   /* file handle, or -1: anonymous, zero */
	uint32_t reserved;
	uint64_t file_offset; /* page aligned */
};
STILL_ASSERT_SIZE(struct still_segment, 40);

/* The program as mcexec's ELF parser understood it. Segments ascend and do not overlap. */
struct still_exec {
	uint32_t num_segments;
	uint32_t reserved;
	uint64_t brk_start; /* page aligned; the heap grows up from here */
	uint64_t mmap_top;  /* mmap looks for space downwards from here */
	char comm[16];
	struct still_segment segments[STILL_MAX_SEGMENTS];
};
STILL_ASSERT_SIZE(struct still_exec, 40 + 32 * 40);

struct still_proc_page {
	uint64_t magic;   /* STILL_MAGIC */
	uint32_t walkers; /* module: page-table walks under way, see pte.h */
	uint32_t num_slots;
	uint32_t pid; /* Linux's, in the proxy's PID namespace */
	uint32_t uid;
	uint32_t num_app_ranges;
	uint32_t num_vvar_pages;                /* vdso_frames[0..num_vvar_pages): data, mapped read-only */
	uint32_t num_vdso_pages;                /* all of vdso_frames; those behind the vvar pages are code */
	uint32_t pid_namespace;                 /* its number; with pid it names a process of this machine */
	uint64_t cpu_mask[STILL_MAX_CPUS / 64]; /* LWK CPUs that the process may use; never empty */
	struct still_range app[STILL_MAX_APP_RANGES]; /* ascending: all that the program may map */
	uint64_t vdso_frames[STILL_MAX_VDSO_PAGES];   /* physical addresses, 0: a hole */
	struct still_limit limit_as;
	struct still_limit limit_data;
	struct still_limit limit_stack;
	struct still_limit limit_memlock;
	uint64_t poll_ticks;      /* how long an LWK thread polls for an answer, TSC ticks; 0: default */
	uint64_t ignored_signals; /* bit n-1: signal n starts as SIG_IGN; else as SIG_DFL */
	uint64_t blocked_signals; /* signal mask of the first thread */
	uint64_t flushed;         /* LWK: the last STILL_MSG_FLUSH that was carried out */
	uint64_t cpu_base_ns;     /* CPU time of the same process before its execve */
	uint32_t peers_group;     /* 0: of no group (peers.h); else its number while it has members */
	uint32_t peers_rank;
	uint32_t peers_size;
	uint32_t peers_right;    /* LWK: enum still_peers_right */
	uint64_t limit_resident; /* bytes of memory that the process may have; 0: no limit of its own */
	struct still_exec exec;
	struct still_limit limit_sigpending;
	struct still_limit limit_cpu;
	uint32_t
		stopped; /* module: 1 while Linux has the proxy stopped (job control), see STILL_MSG_PROC_STOP */
	uint32_t
		ended; /* LWK: 1 once the program has ended; no page that is not there now will be made for a reader */
};
STILL_STATIC_ASSERT(sizeof(struct still_proc_page) <= 4096, "still_proc_page must fit a page");
STILL_ASSERT_OFFSET(struct still_proc_page, cpu_mask, 40);
STILL_ASSERT_OFFSET(struct still_proc_page, exec, 392);

#endif
