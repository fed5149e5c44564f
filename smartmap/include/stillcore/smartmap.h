/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SMARTMAP: what the other processes of the group have in memory, by plain loads and stores. See docs/smartmap.md.
 *
 *     if (smartmap_rank() < 0) ...                        not started with mcexec --smartmap
 *     smartmap_wait(1, -1);                               until rank 1 runs
 *     double *theirs = smartmap_peer(1, &mine[0]);        rank 1's object of that address
 *
 * Nothing is to be linked. A peer that ends takes its memory with it: who touches it then gets SIGSEGV.
 * The functions that return int return 0, or -1 and set errno.
 */
#ifndef STILLCORE_SMARTMAP_H
#define STILLCORE_SMARTMAP_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stillcore/peers.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The caller's rank, or -1: it is no member of a group. As it was when the program started: a forked child is none. */
static inline int smartmap_rank(void)
{
    return getauxval(STILL_AT_PEERS_SHIFT) != 0 ? (int)getauxval(STILL_AT_PEERS_RANK) : -1;
}

/* How many there will be, as the launcher said; 0: as many as come. */
static inline unsigned smartmap_size(void)
{
    return (unsigned)getauxval(STILL_AT_PEERS_SIZE);
}

/* By how many bits the rank plus one is shifted to get the lowest address of a slot. */
static inline unsigned smartmap_shift(void)
{
    return (unsigned)getauxval(STILL_AT_PEERS_SHIFT);
}

/* What that peer has at this address of its own. */
static inline void* smartmap_peer(unsigned rank, const volatile void* address)
{
    return (void*)(((uintptr_t)rank + 1) << smartmap_shift() | (uintptr_t)address);
}

/* The same for reading only, where the group is of STILL_PEERS_TWICE at most; else as smartmap_peer(). */
static inline void* smartmap_peer_read_only(unsigned rank, const volatile void* address)
{
    const unsigned more = smartmap_size() <= STILL_PEERS_TWICE ? STILL_PEERS_READ_ONLY : 0;
    return smartmap_peer(rank + more, address);
}

/* The rank of the peer in whose slot the address lies, or -1: it is one of the caller's own. */
static inline int smartmap_rank_of(const volatile void* address)
{
    const unsigned shift = smartmap_shift();
    const int slot = shift != 0 ? (int)((uintptr_t)address >> shift) - 1 : -1;
    const int more = (int)STILL_PEERS_READ_ONLY;
    return slot >= more && smartmap_size() <= STILL_PEERS_TWICE ? slot - more : slot;
}

static inline int smartmap_info(struct still_peers_info* info)
{
    return prctl(STILL_PR_PEERS, STILL_PEERS_INFO, info, 0L, 0L);
}

/* Until that peer runs, its memory is there and it has not ended; at most so many milliseconds, -1: for ever. What its
 * program has made of its memory by then is between the two. ETIMEDOUT, EINTR. */
static inline int smartmap_wait(unsigned rank, long milliseconds)
{
    return prctl(STILL_PR_PEERS, STILL_PEERS_WAIT, (unsigned long)rank, milliseconds, 0L);
}

/* From now on the others may do no more with the caller's memory. */
static inline int smartmap_share(enum still_peers_right right)
{
    return prctl(STILL_PR_PEERS, STILL_PEERS_SHARE, (unsigned long)right, 0L, 0L);
}

/* For peers that run another program, or have the object elsewhere: an address for them to find. */
static inline int smartmap_post(const volatile void* address)
{
    return prctl(STILL_PR_PEERS, STILL_PEERS_POST, address, 0L, 0L);
}

/* What that peer has posted, as an address in its slot. NULL: ESRCH there is no such peer, EAGAIN it has not yet. */
static inline void* smartmap_find(unsigned rank)
{
    uint64_t address = 0;
    if (prctl(STILL_PR_PEERS, STILL_PEERS_FIND, (unsigned long)rank, &address, 0L) != 0)
        return NULL;
    return smartmap_peer(rank, (void*)(uintptr_t)address);
}

/* The process id of that peer, or -1. */
static inline int smartmap_pid(unsigned rank)
{
    return prctl(STILL_PR_PEERS, STILL_PEERS_PID, (unsigned long)rank, 0L, 0L);
}

#ifdef __cplusplus
}
#endif

#endif
