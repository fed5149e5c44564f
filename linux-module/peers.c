// SPDX-License-Identifier: GPL-2.0-only
/*
 * SMARTMAP as Linux sees it: a group's processes have one window of the pseudo file together, in which the member
 * of rank r has the part of its slot, (r + 1) << STILL_PEERS_SHIFT. So a member's own addresses and the slots that its
 * peers have mapped are mappings of the same offsets, and one zap reaches all of them.
 *
 * A member that goes: `left` is set, then whoever inserts a page of it for a peer is waited for, then all that is
 * mapped of it goes. Such an inserter has the page locked, and marks the LWK's entry, before it looks at `left`; both
 * order memory. So either it sees `left`, or the scan sees the mark and the lock, as in zap.c. The same goes for the
 * right that a member gives, which the LWK writes before it asks for a zap.
 *
 * With page tables of five levels the LWK has the slots behind the 47 bits that Linux knows. Then a group is of names
 * and ranks only: each member has its own window, and Linux maps nothing of it for another.
 */
#include <linux/cred.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "os.h"
#include "peers.h"
#include "proxy.h"
#include "zap.h"

#define MAX_GROUPS 256 /* their windows lie behind those of the processes */

struct still_group {
	struct list_head list; /* os->groups */
	unsigned int
		refs; /* processes that have not been freed, under procs_lock, as all of this */
	u32 index;    /* from 1 on */
	kuid_t uid;
	char name[STILL_PEERS_NAME];
	u32 size;
	unsigned int count;
	struct still_proc *members[STILL_MAX_PEERS];
};

static struct still_group *find_group(struct still_os *os, const char *name)
{
	struct still_group *group;

	list_for_each_entry(group, &os->groups, list)
		if (uid_eq(group->uid, current_uid()) && !strcmp(group->name, name))
			return group;
	return NULL;
}

static bool add_group(struct still_os *os, struct still_group *group, const char *name)
{
	unsigned long used[BITS_TO_LONGS(MAX_GROUPS)] = {};
	struct still_group *other;

	list_for_each_entry(other, &os->groups, list)
		__set_bit(other->index - 1, used);
	group->index = find_first_zero_bit(used, MAX_GROUPS) + 1;
	if (group->index > MAX_GROUPS)
		return false;
	group->uid = current_uid();
	strscpy(group->name, name, sizeof(group->name));
	list_add(&group->list, &os->groups);
	return true;
}

/* A process that has ended, or executed another program, gives its rank up. */
static bool is_going(const struct still_proc *proc)
{
	return READ_ONCE(proc->closed);
}

static u32 most_ranks(u32 size)
{
	return size <= STILL_PEERS_TWICE ? STILL_PEERS_TWICE : STILL_MAX_PEERS;
}

static int choose_rank(const struct still_group *group, u32 wanted)
{
	u32 rank;

	if (wanted != STILL_PEERS_ANY_RANK && wanted >= most_ranks(group->size))
		return -EINVAL;
	if (wanted != STILL_PEERS_ANY_RANK)
		return group->members[wanted] && !is_going(group->members[wanted]) ? -EBUSY
										   : (int)wanted;
	for (rank = 0; rank < most_ranks(group->size); rank++)
		if (!group->members[rank])
			return rank;
	return -ENOSPC;
}

/* Whose rank it takes, referenced, must leave first: then it is to be tried again. */
static int try_to_join(struct still_proc *proc, struct still_proc_create *request,
		       struct still_group **fresh, struct still_proc **before)
{
	struct still_os *os = proc->os;
	struct still_group *group;
	int rank;

	*before = NULL;
	group = find_group(os, request->peers_name);
	if (!group) {
		if (!add_group(os, *fresh, request->peers_name))
			return -EAGAIN;
		group = *fresh;
		*fresh = NULL;
	}
	if (!group->count)
		group->size = request->peers_size;
	rank = choose_rank(group, request->peers_rank);
	if (rank >= 0 && group->members[rank]) {
		*before = group->members[rank];
		kref_get(&(*before)->ref);
		return 0;
	}
	if (rank < 0) {
		if (!group->refs) {
			list_del(&group->list);
			*fresh = group;
		}
		return rank;
	}
	group->members[rank] = proc;
	group->count++;
	group->refs++;
	proc->group = group;
	proc->rank = rank;
	if (still_peers_has_slots(proc))
		proc->window = still_peers_slots(proc) + ((u64)(rank + 1) << STILL_PEERS_SHIFT);
	proc->page->peers_group = group->index;
	proc->page->peers_rank = rank;
	proc->page->peers_size = group->size;
	request->peers_rank = rank;
	request->peers_size = group->size;
	return 0;
}

static bool is_good(const struct still_proc *proc, const struct still_proc_create *request)
{
	const struct still_proc_page *page = proc->page;

	return strnlen(request->peers_name, STILL_PEERS_NAME) < STILL_PEERS_NAME &&
	       request->peers_size <= STILL_MAX_PEERS &&
	       (request->peers_rank < STILL_MAX_PEERS ||
		request->peers_rank == STILL_PEERS_ANY_RANK) &&
	       (proc->os->far_slots || page->app[page->num_app_ranges - 1].end <= STILL_PEERS_END);
}

int still_peers_join(struct still_proc *proc, struct still_proc_create *request)
{
	struct still_group *fresh;
	struct still_proc *before;
	int ret;

	if (!request->peers_name[0])
		return 0;
	if (!is_good(proc, request))
		return -EINVAL;
	fresh = kzalloc(sizeof(*fresh), GFP_KERNEL);
	if (!fresh)
		return -ENOMEM;
	do {
		spin_lock_irq(&proc->os->procs_lock);
		ret = try_to_join(proc, request, &fresh, &before);
		spin_unlock_irq(&proc->os->procs_lock);
		if (before) {
			still_peers_leave(before);
			still_proc_put(before);
		}
	} while (before);
	kfree(fresh);
	return ret;
}

void still_peers_leave(struct still_proc *proc)
{
	struct still_os *os = proc->os;
	struct still_group *group = proc->group;

	if (!group)
		return;
	spin_lock_irq(&os->procs_lock);
	WRITE_ONCE(proc->left, true);
	spin_unlock_irq(&os->procs_lock);
	smp_mb();
	if (still_peers_has_slots(proc))
		still_zap_all(proc, STILL_PEERS_END);
	spin_lock_irq(&os->procs_lock);
	if (group->members[proc->rank] == proc) {
		group->members[proc->rank] = NULL;
		group->count--;
	}
	spin_unlock_irq(&os->procs_lock);
}

void still_peers_put(struct still_proc *proc)
{
	struct still_group *group = proc->group;
	bool last;

	if (!group)
		return;
	spin_lock_irq(&proc->os->procs_lock);
	if (group->members[proc->rank] == proc) {
		group->members[proc->rank] = NULL;
		group->count--;
	}
	last = !--group->refs;
	if (last)
		list_del(&group->list);
	spin_unlock_irq(&proc->os->procs_lock);
	if (last)
		kfree(group);
}

bool still_peers_has_slots(const struct still_proc *proc)
{
	return proc->group && !proc->os->far_slots;
}

u64 still_peers_slots(const struct still_proc *proc)
{
	return (u64)(STILL_MAX_PROCS + proc->group->index) << STILL_WINDOW_SHIFT;
}

u64 still_peers_read_only(const struct still_proc *proc)
{
	return proc->page->peers_size <= STILL_PEERS_TWICE
		       ? (STILL_PEERS_READ_ONLY + 1ull) << STILL_PEERS_SHIFT
		       : 0;
}

struct still_proc *still_peers_find(const struct still_proc *viewer, u64 offset, u64 *address)
{
	u64 at = offset - still_peers_slots(viewer);
	u64 slot = at >> STILL_PEERS_SHIFT;
	struct still_proc *peer = NULL;
	unsigned long flags;

	*address = at & ((1ull << STILL_PEERS_SHIFT) - 1);
	if (!slot || slot > STILL_MAX_PEERS || *address >= STILL_PEERS_END)
		return NULL;
	spin_lock_irqsave(&viewer->os->procs_lock, flags);
	peer = viewer->group->members[slot - 1];
	/* Before the LWK knows it, its tables mean nothing. */
	if (peer && !peer->dead && !peer->left && READ_ONCE(peer->stage) >= STILL_STAGE_CREATED)
		kref_get(&peer->ref);
	else
		peer = NULL;
	spin_unlock_irqrestore(&viewer->os->procs_lock, flags);
	return peer;
}

bool still_peers_allow(const struct still_proc *peer, bool write)
{
	u32 right = READ_ONCE(peer->page->peers_right);

	smp_mb();
	return !READ_ONCE(peer->left) && right >= (write ? STILL_PEERS_WRITE : STILL_PEERS_READ);
}
