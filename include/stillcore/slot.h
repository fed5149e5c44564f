/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The offload slot: one for each thread of a process, shared by the LWK and mcexec, polled by both
 * in user space (mcexec) and in the kernel (LWK). Two cache lines, each with one writer.
 *
 * LWK thread:  nr, arg[] ; seq += 1 (release) ; fence ; proxy_asleep set? send PROXY_WAKE.
 *              polls answer_seq == seq; window over: asleep = 1 + its CPU ; fence ; looks again ; blocks.
 * Proxy:       polls seq != answer_seq; window over: proxy_asleep = 1 ; fence ; looks again ;
 *              STILL_IOC_SLOT_WAIT. Then proxy_asleep = 0, executes, result ; answer_seq = seq (release) ;
 *              fence ; asleep set? STILL_IOC_SLOT_WAKE.
 * A fresh slot is all zero. Sequence numbers wrap.
 */
#ifndef STILLCORE_SLOT_H
#define STILLCORE_SLOT_H

#include "types.h"

struct STILL_ALIGNAS(128) still_slot {
	/* request line: written by the LWK */
	uint32_t seq;
	uint32_t nr;     /* Linux's number, or enum still_call; with STILL_CALL_BLOCKS_* */
	uint32_t asleep; /* 0: the LWK thread polls; else 1 + the LWK CPU to send SLOT_WAKE to */
	uint32_t tid;    /* of the thread that owns the slot, 0: slot is free */
	uint64_t arg[6];
	/* response line: written by mcexec */
	uint32_t answer_seq;
	uint32_t proxy_asleep;
	int64_t result; /* as the system call instruction returns it */
	uint64_t reserved[6];
};
STILL_ASSERT_OFFSET(struct still_slot, arg, 16);
STILL_ASSERT_OFFSET(struct still_slot, answer_seq, 64);
STILL_ASSERT_OFFSET(struct still_slot, result, 72);
STILL_ASSERT_SIZE(struct still_slot, 128);

/* The thread blocks these signals: a terminal then lets a background process read, write and configure. */
#define STILL_CALL_BLOCKS_TTIN 0x40000000u
#define STILL_CALL_BLOCKS_TTOU 0x80000000u

/* A signal that is pending and blocked, in the program's memory. */
struct still_pending_signal {
	uint64_t to_thread; /* 1: for the calling thread; 0: for the process */
	uint32_t info[12];  /* the first 48 bytes of siginfo_t; info[0], the signal, is 0 behind the last */
};
STILL_ASSERT_SIZE(struct still_pending_signal, 56);

/* Requests that mcexec serves itself; above all of Linux's numbers. */
enum still_call {
	STILL_CALL_FIRST = 0x10000,
	/* A thread is born. arg[0]: its slot; arg[1]: CLONE_FS, CLONE_SYSVSEM: it has its own. mcexec
	 * starts a proxy thread on that slot (which inherits the caller's Linux state as clone(CLONE_THREAD...)
	 * would) and answers with its thread id or -errno. */
	STILL_CALL_CLONE = 0x10001,
	/* The thread has ended. The proxy thread's last touch of the slot is answer_seq = seq, without a wake: from
	 * then on the slot may be given to a new thread. The proxy thread then ends. */
	STILL_CALL_THREAD_EXIT = 0x10002,
	/* The process has ended; arg[0]: status as for exit_group. No answer. */
	STILL_CALL_EXIT_GROUP = 0x10003,
	/* The process was ended by signal arg[0]; arg[1]: 1 if Linux would dump core; then arg[2]: address of a
	 * signal frame (as rt_sigreturn takes it) with the thread's last registers, 0: none; arg[3]: its FS base.
	 * mcexec ends by the same signal. No answer. */
	STILL_CALL_EXIT_SIGNAL = 0x10004,
	/* A file is to be mapped: arg[0]: fd, arg[1]: PROT_*, arg[2]: MAP_*, arg[3]: length, arg[4]: offset.
	 * Answer: file handle (0 or more) for FILL, or the error that Linux's mmap would give. */
	STILL_CALL_MAP_FILE = 0x10005,
	/* execveat: arg[0]: path, arg[1]: argv, arg[2]: envp, arg[3]: directory's descriptor, arg[4]:
	 * AT_* flags, all as the program passed them; arg[5]: where still_pending_signal records lie, up to one
	 * without a signal, 0: none: they are to be pending for the new program; what else is inherited came by
	 * EXEC_STATE just before. mcexec checks
	 * all that can be wrong, then executes itself anew on that program, which ends this LWK process as
	 * the device's file is closed. An answer is always an error. */
	STILL_CALL_EXEC = 0x10006,
	/* What the program inherits from the LWK if the EXEC that follows succeeds. arg[0]: the signals
	 * that are ignored, arg[1]: the thread's signal mask (bit n-1: signal n); arg[2..5]: its affinity
	 * to the LWK's CPUs. From here on the proxy thread takes no signals until it serves another call
	 * than EXEC: they wait in Linux for the new program. */
	STILL_CALL_EXEC_STATE = 0x10007,
	/* fork: arg[0]: flags for Linux's clone, exit signal included, without CLONE_VM. mcexec makes the
	 * new process known to the module (STILL_IOC_PROC_FORK), forks, and answers with the child's pid
	 * or -errno. */
	STILL_CALL_FORK = 0x10008,
	/* vfork: arg[0]: the slot of the child's thread; arg[1]: flags for Linux's clone, with CLONE_VM and
	 * CLONE_VFORK. The answer, the child's pid or -errno, comes when the child has executed a program
	 * or ended. */
	STILL_CALL_VFORK = 0x10009,
	/* The first call of a forked child's thread: who am I? Answer: the proxy's process id. */
	STILL_CALL_IDENTIFY = 0x1000a,
	/* The disposition of signal arg[0] (SIGCHLD, SIGTTIN, SIGTTOU), by which Linux itself acts, is now: arg[1]:
	 * 1 ignored, 0 not; arg[2]: SA_NOCLDSTOP | SA_NOCLDWAIT. Answer: 0. */
	STILL_CALL_DISPOSITION = 0x10030,
	/* Signal arg[0] shall stop the process, as its default action does. Answer: 0, when it goes on. */
	STILL_CALL_STOP = 0x10031,
	/* signalfd4: arg[0]: a descriptor that signalfd made, whose set changes, or -1; arg[1]: the set; arg[2]:
	 * SFD_*. The descriptor, or -errno. */
	STILL_CALL_SIGNALFD = 0x10032,
	/* pselect6 without a mask, arguments as there, while a signal is pending: what is ready, or -EINTR with the
	 * sets as they were. */
	STILL_CALL_SELECT_NOW = 0x10033,
	/* Call arg[0] (semtimedop, or futex for a plain wait) with arg[1..3] and a relative timeout of arg[4] ns. */
	STILL_CALL_TIMED = 0x10034,
	/* What the proxy thread may do about scheduling and locking; no arguments. Answer: STILL_RIGHT_*. */
	STILL_CALL_SCHED_RIGHTS = 0x10010,
	/* The pseudo file takes a range over again: arg[0]: start, arg[1]: bytes. */
	STILL_CALL_MAP_BACK = 0x10020,
	/* System V segment arg[0]: its size, or the error that shmat gives. */
	STILL_CALL_SHM_SIZE = 0x10021,
	/* Linux's mapping at arg[0] of arg[1] bytes becomes one of arg[2] bytes at arg[3]; 0: where it is. What it
	 * leaves the pseudo file takes over, unless arg[1] is 0. The new address, or -errno. */
	STILL_CALL_REMAP = 0x10022,
	/* Has the thread capability arg[0] (capabilities(7))? Answer: 0 or 1. */
	STILL_CALL_CAPABLE = 0x10040,
	/* May the thread trace that process, arg[0] (ptrace(2), "Ptrace access mode checking")? 0, -EPERM or -ESRCH. */
	STILL_CALL_MAY_TRACE = 0x10043,
	/* io_setup for arg[0] events: the context, which is its ring's address; to be moved by REMAP. */
	STILL_CALL_AIO_SETUP = 0x10023,
	/* The bytes of the ring of context arg[0], which AIO_SETUP has just made. */
	STILL_CALL_AIO_SIZE = 0x10024,
	/* The next request is a call on a socket with a timeout that was interrupted and goes on; arg[0]: ns of the
	 * timeout that are over. Answer: 0. */
	STILL_CALL_WAITED = 0x10041,
	/* io_uring_enter, arguments as there; but the mask in its struct io_uring_getevents_arg is the LWK's. */
	STILL_CALL_URING_ENTER = 0x10042,
	/* mmap of a file that lets Linux alone choose the place: arg[1] to arg[5] are mmap's. It is to be arg[0], below
	 * 2 GiB, where all belongs to the pseudo file but for the hole that is made there now. ENOMEM: it was not. */
	STILL_CALL_MAP_CHOSEN = 0x10025,
};

/* An answer of a call on a socket that has a timeout: interrupted, and never made again after a handler. */
#define STILL_EINTR_FINAL 516
/* Likewise of a call that Linux ends so after a stop and a continuation: the program gets EINTR. */
#define STILL_EINTR_STOPPED 517

#define STILL_RIGHT_RT_LIMIT 0xff /* RLIMIT_RTPRIO, at most 99 */
#define STILL_RIGHT_NICE 0x100    /* CAP_SYS_NICE */
#define STILL_RIGHT_LOCK 0x200    /* CAP_IPC_LOCK */

#endif
