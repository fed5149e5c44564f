/* SPDX-License-Identifier: GPL-2.0-only */
/* Groups of processes that see each other's memory: see peers.c. */
#ifndef STILL_MODULE_PEERS_H
#define STILL_MODULE_PEERS_H

#include <linux/mm.h>
#include <stillcore/ioctl_proc.h>

struct still_group;
struct still_os;
struct still_proc;

/* As the request says; nothing if it names no group. The process is in the table, and the LWK does not know it yet. */
int still_peers_join(struct still_proc *proc, struct still_proc_create *request);
/* Nobody reaches its memory by way of a peer any more, and nothing of it is mapped by one. May sleep. */
void still_peers_leave(struct still_proc *proc);
/* When it is freed. */
void still_peers_put(struct still_proc *proc);

/* Does Linux see its peers? Not where its slots lie beyond the addresses that Linux's programs have. */
bool still_peers_has_slots(const struct still_proc *proc);
/* Where the pseudo file has what lies at address 0 of all slots; the members' windows are in there. */
u64 still_peers_slots(const struct still_proc *proc);
/* Where the slots begin that are for reading only; 0: there are none. */
u64 still_peers_read_only(const struct still_proc *proc);
/* The peer whose memory lies at that offset, referenced, and where; NULL: there is none. */
struct still_proc *still_peers_find(const struct still_proc *viewer, u64 offset, u64 *address);
/* May Linux make an entry for a peer now? To be asked with the page locked and the LWK's entry marked. */
bool still_peers_allow(const struct still_proc *peer, bool write);

#endif
