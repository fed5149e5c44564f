/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * SMARTMAP: the processes of a group see each other's memory, each in a slot of the others' address spaces: what a
 * peer of rank r has at address a is at ((r + 1) << shift) + a. See docs/smartmap.md. Programs include
 * <stillcore/smartmap.h>.
 */
#ifndef STILLCORE_PEERS_H
#define STILLCORE_PEERS_H

#include "types.h"

#define STILL_PEERS_SHIFT 39   /* with four levels of page tables: a slot holds 512 GiB */
#define STILL_PEERS_SHIFT_5 48 /* with five: a whole address space of four */
#define STILL_MAX_PEERS 255u

/* A group that was announced with so many at most (0 is that, too: it can't become larger) shows each peer once more,
 * for reading only, as if its rank were so much higher. */
#define STILL_PEERS_TWICE 127u
#define STILL_PEERS_READ_ONLY 128u

/* Linux may map a member's addresses up to here at all places where peers see them: what lies behind is mcexec's
 * own heap in one of them. So a member has only these, of its 512 GiB. */
#define STILL_PEERS_END 0x4f00000000ull

/* Auxiliary vector of a member. */
#define STILL_AT_PEERS_RANK 0x53544c01ul
#define STILL_AT_PEERS_SIZE 0x53544c02ul /* how many the launcher has announced */
#define STILL_AT_PEERS_SHIFT 0x53544c03ul

/* prctl(STILL_PR_PEERS, operation, ...). EINVAL: not on an LWK; ENXIO: no member of a group; ESRCH: there is no such
 * peer (any more). */
#define STILL_PR_PEERS 0x53544c50

enum still_peers_call {
	STILL_PEERS_INFO = 0,  /* struct still_peers_info * */
	STILL_PEERS_WAIT = 1,  /* rank, milliseconds or -1: until that peer is there; ETIMEDOUT, EINTR */
	STILL_PEERS_SHARE = 2, /* enum still_peers_right: what others may do with the caller's memory */
	STILL_PEERS_POST = 3,  /* an address, for whoever asks for it */
	STILL_PEERS_FIND = 4,  /* rank, uint64_t *: what that peer has posted; EAGAIN: nothing yet */
	STILL_PEERS_PID = 5,   /* rank: its process id */
	/* A list of parts of a process's memory, for a library (XPMEM). A number above 0; EINVAL, ENOMEM. */
	STILL_PEERS_EXPORT = 6,   /* struct still_peers_export *: page aligned */
	STILL_PEERS_WITHDRAW = 7, /* number; ENOENT */
	STILL_PEERS_IMPORT = 8,   /* rank, number, struct still_peers_export *; ENOENT */
};

enum still_peers_right { STILL_PEERS_NOTHING = 0, STILL_PEERS_READ = 1, STILL_PEERS_WRITE = 2 };

struct still_peers_info {
	uint32_t rank;
	uint32_t size;  /* as announced */
	uint32_t there; /* how many are there now, the caller too */
	uint32_t shift;
};
STILL_ASSERT_SIZE(struct still_peers_info, 16);

struct still_peers_export {
	uint64_t start;
	uint64_t bytes; /* ~0, from 0 on: all that there is */
	uint64_t mode;  /* as of chmod(2): the library's to obey */
};
STILL_ASSERT_SIZE(struct still_peers_export, 24);

/* How a process comes to be a member: for the module (STILL_IOC_PROC_CREATE), which knows who runs it. */
#define STILL_PEERS_NAME 64u
#define STILL_PEERS_ANY_RANK 0xffffffffu

#endif
