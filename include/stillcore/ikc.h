/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The messages of the IKC rings. Each LWK CPU has a ring pair (ring.h); a request's answer comes
 * back through the pair by which the request went. A message that is not understood, or whose
 * fields don't fit, is counted and dropped; a request (one with a token) is answered -EINVAL.
 *
 * proc names a process of the instance: slot number in the module's table | generation << 16, never 0.
 * token is the asker's own word and comes back unchanged in the reply.
 */
#ifndef STILLCORE_IKC_H
#define STILLCORE_IKC_H

#include "ring.h"
#include "types.h"

struct still_msg {
	uint32_t kind; /* enum still_msg_kind */
	uint32_t proc;
	uint64_t token;
	uint64_t arg[6];
};
STILL_ASSERT_SIZE(struct still_msg, STILL_CELL_BYTES);

enum still_msg_kind {
	/* Both ways. token: of the request. arg[0]: 0 or more on success, else -errno. arg[1..]: as stated. */
	STILL_MSG_REPLY = 1,

	/* Linux to LWK, answered. */
	STILL_MSG_PING = 16,
	/* A process is born. arg[0]: physical address of its still_proc_page (process.h), slots behind it;
	 * arg[1]: number of slots. Reply arg[1]: physical address of its top-level page table. */
	STILL_MSG_PROC_CREATE = 17,
	/* Build the program's memory from still_proc_page.exec, files filled in. */
	STILL_MSG_PROC_EXEC = 18,
	/* Start its first thread, on slot 0. arg[0]: instruction pointer, arg[1]: stack pointer. */
	STILL_MSG_PROC_START = 19,
	/* Linux has no mapping of the process left and no proxy: kill its threads if any still run,
	 * free everything except pages marked STILL_PTE_QUARANTINED, forget the process and its pages.
	 * -EAGAIN: some still run, or somebody is at work on it. To be asked again. */
	STILL_MSG_PROC_RELEASE = 20,
	/* Linux faulted at arg[0] (user address) in the process; arg[1]: 1 for a write. Make the page
	 * present with that permission, or answer -EFAULT; -ENOMEM if memory is short. */
	STILL_MSG_FAULT_IN = 21,
	/* A process forks: arg[0], arg[1]: as for PROC_CREATE, of the child proc; arg[2]: the parent's
	 * proc; arg[3]: thread id of the parent's thread, which waits in STILL_CALL_FORK. The child's
	 * thread, on slot 0, asks for its pid there (STILL_CALL_IDENTIFY) as soon as somebody serves it.
	 * Reply arg[1]: as for PROC_CREATE. -EAGAIN: the parent's memory is being changed; ask again soon. */
	STILL_MSG_PROC_FORK = 22,
	/* Facts of the process (report.h), written to the report area. arg[0]: enum still_report_kind, arg[1]: cursor.
	 * Reply arg[0]: number of records, arg[1]: the cursor for the rest, 0: that was all. One at a time. */
	STILL_MSG_REPORT = 28,
	/* Reply arg[1]: ns on LWK CPUs of all its threads, ended ones included. */
	STILL_MSG_CPU_TIME = 29,

	/* Give up the cached pages of files (STILL_MSG_FILE_KEY); those that are mapped stay their processes'.
	 * Reply arg[1]: the bytes that were cached. proc: 0. */
	STILL_MSG_DROP_CACHE = 24,

	/* Memory comes: arg[0]: physical address, arg[1]: bytes, aligned to and multiples of 4 MiB, arg[2]: node, as
	 * the boot block numbers them. proc: 0. */
	STILL_MSG_MEM_ADD = 44,
	/* Memory goes: arg[1] bytes of node arg[0], a multiple of 4 MiB, at most STILL_MAX_REMOVAL. The LWK chooses,
	 * and writes the physical address of each 4 MiB of it to the report area. Reply arg[0]: their number.
	 * -EBUSY: nothing has gone; arg[1] would have been free. proc: 0. */
	STILL_MSG_MEM_REMOVE = 45,

	/* To CPU 0. A CPU comes, and gets the next number. arg[0]: its APIC id | Linux's number << 32, arg[1]:
	 * node, as the boot block numbers them, arg[2]: a trampoline page, the LWK's until the reply, arg[3]: a
	 * fresh struct still_ring_pair, page aligned. -ETIMEDOUT: it does not start. proc: 0. */
	STILL_MSG_CPU_ADD = 48,
	/* To the last CPU, not 0: it goes. Its threads have others when the reply comes, which is the last that it
	 * sends; then it halts. This message is the last that it gets: what it was asked for before is answered.
	 * proc: 0. */
	STILL_MSG_CPU_REMOVE = 49,

	/* A signal. arg[0]: number 1..64 | 1 + slot of a thread of the receiving process, or 0, << 8 | thread id (0:
	 * the process) << 32; arg[1]: si_code | si_errno << 32;
	 * arg[2..5]: the 32 bytes of siginfo_t behind them. Answered when it is pending there: -ESRCH no such thread,
	 * -EAGAIN too many. */
	STILL_MSG_SIGNAL = 34,
	/* A signal of the set arg[0] for a signalfd: one that is pending for the thread with id arg[1] or for its
	 * process is taken, or with arg[2] = 1 only looked for. From now on SIGNAL_NEWS tells of these numbers.
	 * Reply arg[0]: the number, 0: none is pending; arg[1..5]: as above. */
	STILL_MSG_SIGNAL_TAKE = 42,

	/* The file of handle arg[0] was cut off at byte arg[1]: what is mapped of it behind that goes, with what the
	 * program has written there. Answered when it has gone. */
	STILL_MSG_FILE_CUT = 46,

	/* A debugger writes into a program's private memory, whatever rights it has there: arg[1] bytes, 1 to 8, at
	 * arg[0], which lie in one page: those of arg[2]. -EFAULT: it has none there. */
	STILL_MSG_PATCH = 50,

	/* Linux to LWK, not answered. */
	/* The proxy has answered on slot arg[0], whose thread does not poll. */
	STILL_MSG_SLOT_WAKE = 32,
	/* The proxy process is gone or dying: its threads must stop now. PROC_RELEASE follows later. */
	STILL_MSG_PROC_KILL = 33,
	/* The page at physical address arg[0], quarantined in arg[1] entries, has no foreign reference any more. */
	STILL_MSG_PAGE_FREE = 35,
	/* still_proc_page.stopped has changed: threads stop at their way back to the program, or go on. */
	STILL_MSG_PROC_STOP = 38,
	/* Stop processes, park all CPUs, set STILL_STATE_STOPPED. */
	STILL_MSG_SHUTDOWN = 36,
	/* Fault injection, for tests. arg[0]: enum still_inject. */
	STILL_MSG_INJECT = 37,
	/* Mirrored entries were taken away: flush the process's translations on all CPUs, then raise
	 * still_proc_page.flushed to arg[0]. */
	STILL_MSG_FLUSH = 40,

	/* LWK to Linux, answered. */
	/* Take Linux's mappings of [arg[0], arg[0]+arg[1]) of the process away (both page aligned). The
	 * LWK has changed its entries first: those leaving are STILL_PTE_DEPARTING, those downgraded are
	 * present with fewer rights. When the reply comes no Linux mapping with the old rights exists, and
	 * each 4 KiB departing entry whose page still has foreign references (pins) is marked
	 * STILL_PTE_QUARANTINED; such pages are the module's until PAGE_FREE. Reply arg[1]: number of
	 * pages with foreign references below large departing entries, which can't be marked: split those
	 * entries and ask again.
	 * With arg[2] = STILL_ZAP_MARK (fork) instead: each present entry that Linux has seen and that has foreign
	 * references beyond Linux's mappings is marked STILL_PTE_PINNED; reply arg[1]: how many of these
	 * entries are large.
	 * With arg[2] = STILL_ZAP_COUNT (moving pages): nothing is marked; reply arg[1]: number of pages with foreign
	 * references below departing entries, which stay the LWK's. */
	STILL_MSG_ZAP = 64,
	/* Read arg[3] bytes (at most 2 MiB) at offset arg[1] of file handle arg[0] (STILL_CALL_MAP_FILE) into
	 * the contiguous physical memory at arg[2]. Reply arg[0]: bytes read, fewer at end of file; arg[1]: the
	 * file's key as of then. */
	STILL_MSG_FILL = 65,
	/* Reply arg[1]: the key of file handle arg[0], a word that stands for the file and its contents: while it is
	 * the same the contents are. 0: nobody can tell (just written, mapped for writing, no such file system). */
	STILL_MSG_FILE_KEY = 66,
	/* Answered when every FILE_CUT that a call of before has caused was answered. proc: 0. */
	STILL_MSG_CUTS_TOLD = 67,
	/* Fill mirrored entries (pte.h) of [arg[2], arg[2]+arg[3]), at most STILL_MIRROR_PAGES pages, with what the
	 * proxy maps there. The page at arg[0] was touched, arg[1]: 1 for a write: Linux faults it in; others come if
	 * they are there. -EFAULT: no mapping of Linux's, -EACCES: not with that right, -ENXIO: as behind a file's
	 * end, -ENOMEM. After 0 the LWK looks again: the entry may have gone at once. */
	STILL_MSG_MIRROR = 70,
	/* The process needs more slots. arg[0]: which chunk of them, 1 to STILL_MAX_CHUNKS - 1; asked for again
	 * it is the same. Reply arg[1]: its physical address: STILL_MORE_SLOTS slots, zero. */
	STILL_MSG_SLOTS_GROW = 76,
	/* Is the proxy thread of slot arg[1], whose thread has ended, just what Linux would make anew if the one of
	 * slot arg[0] cloned itself? -EINVAL: it is not, or nobody can tell. */
	STILL_MSG_PROXY_ALIKE = 77,

	/* LWK to Linux, not answered. */
	/* A request lies in slot arg[0], whose proxy sleeps. */
	STILL_MSG_PROXY_WAKE = 80,
	/* Interrupt the system call that the proxy of slot arg[0] executes (a signal is pending). */
	STILL_MSG_PROXY_INTERRUPT = 81,
	/* File handle arg[0] is not mapped any more. */
	STILL_MSG_FILE_CLOSE = 82,
	/* Signals of the set arg[0] became pending for some process that SIGNAL_TAKE asked for them. */
	STILL_MSG_SIGNAL_NEWS = 83,
};

#define STILL_MAX_REMOVAL (64ull << 30)
#define STILL_MIRROR_PAGES 64u
/* Linux leaves at most so many requests unanswered on one CPU: then the LWK can keep all that it does not serve at
 * once, and an answer to a request of its own never waits behind them. */
#define STILL_MAX_CALLS 192u

enum still_zap_mode { STILL_ZAP_QUARANTINE = 0, STILL_ZAP_MARK = 1, STILL_ZAP_COUNT = 2 };

enum still_inject {
	STILL_INJECT_PANIC = 1,       /* assertion failure in the message handler */
	STILL_INJECT_HANG = 2,        /* endless loop with interrupts off on the CPU that gets the message */
	STILL_INJECT_PAGE_FAULT = 3,  /* kernel access to an unmapped address */
	STILL_INJECT_NO_SHUTDOWN = 4, /* later SHUTDOWN requests are ignored */
	STILL_INJECT_HANG_ON = 5,     /* endless loop that lets interrupts in */
	STILL_INJECT_HANG_NMI = 6,    /* endless loop in the NMI handler */
	STILL_INJECT_IDLE = 7,        /* the CPU idles, whatever is ready to run there */
	STILL_INJECT_DOUBLE_FAULT = 8,
	STILL_INJECT_BAD_CELLS = 9, /* a thousand messages of random kinds, with random words, to Linux */
	STILL_INJECT_LATE_CPU = 10, /* the next CPU to come to the running instance comes too late */
};

/* Vectors on LWK CPUs that others may send. All else is a stray: acknowledged, counted, dropped. */
#define STILL_VECTOR_DOORBELL 0xf0u

#endif
