// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tables belong to another kernel that changes them while we read. So: each level's frame is checked
 * against the instance's memory before it is read, each entry is read once, a walk counts itself in
 * still_proc_page.walkers (the LWK reuses a table page only when it saw 0 there after unlinking it), and
 * it is an RCU read side, so that still_procs_forget() can wait for it before the memory changes hands.
 */
#include <linux/atomic.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/rcupdate.h>
#include <linux/sizes.h>

#include "lwk_tables.h"
#include "os.h"
#include "proxy.h"

/* SAFETY: u32 and atomic_t have one layout; the LWK only reads it. */
static atomic_t *walkers(struct still_proc *proc)
{
	return (atomic_t *)&proc->page->walkers;
}

void still_walk_begin(struct still_proc *proc) __acquires(RCU)
{
	rcu_read_lock();
	atomic_inc(walkers(proc));
	smp_mb__after_atomic(); /* before the first read of a table */
}

void still_walk_end(struct still_proc *proc) __releases(RCU)
{
	smp_mb__before_atomic();
	atomic_dec(walkers(proc));
	rcu_read_unlock();
}

static int fill_leaf(struct still_proc *proc, struct still_leaf *leaf)
{
	u64 frame = leaf->value & STILL_PTE_ADDRESS & ~(leaf->size - 1);

	leaf->first_pfn = frame >> PAGE_SHIFT;
	if (leaf->value & STILL_PTE_FOREIGN)
		return 0;
	if (!leaf->value) {
		leaf->is_leaf = false; /* a hole */
		return 0;
	}
	return still_os_owns(proc->os, leaf->first_pfn, leaf->size >> PAGE_SHIFT) ? 0 : -EIO;
}

/*
 * -EIO: the process is over, or the tables are corrupt. Else *leaf is the entry, or the hole, that the
 * address lies in.
 */
int still_walk(struct still_proc *proc, u64 address, struct still_leaf *leaf)
{
	u64 table = proc->root;
	unsigned int shift;

	leaf->is_leaf = false;
	leaf->writable = true;
	if (READ_ONCE(proc->dead))
		return -EIO;
	for (shift = 39;; shift -= 9) {
		if (!still_os_owns(proc->os, table >> PAGE_SHIFT, 1))
			goto corrupt;
		leaf->entry = (u64 *)__va(table) + (address >> shift & 511);
		leaf->value = READ_ONCE(*leaf->entry);
		leaf->size = 1ull << shift;
		leaf->address = address & ~(leaf->size - 1);
		leaf->writable &= !!(leaf->value & STILL_PTE_WRITE);
		leaf->is_leaf = shift == PAGE_SHIFT || (leaf->value & STILL_PTE_LARGE);
		if (leaf->is_leaf) {
			if (shift > 30 || fill_leaf(proc, leaf))
				goto corrupt;
			return 0;
		}
		if (!(leaf->value & STILL_PTE_PRESENT))
			return 0;
		table = leaf->value & STILL_PTE_ADDRESS;
	}
corrupt:
	atomic64_inc(&proc->os->bad_messages);
	leaf->is_leaf = false;
	return -EIO;
}

static bool is_seen(const struct still_leaf *leaf)
{
	return (leaf->value & (STILL_PTE_SEEN | STILL_PTE_FOREIGN)) == STILL_PTE_SEEN;
}

static bool is_table(const struct still_leaf *leaf)
{
	return leaf->size > PAGE_SIZE && (leaf->value & STILL_PTE_PRESENT) &&
	       !(leaf->value & STILL_PTE_LARGE);
}

/* What is behind the first in the same table, up to an entry that leads to another. *leaf is the last one looked at. */
static int scan_table(struct still_proc *proc, u64 end, struct still_leaf *leaf, still_visit visit,
		      void *context)
{
	u64 table_end = min(end, (leaf->address | (leaf->size * PTRS_PER_PTE - 1)) + 1);
	int ret = 0;

	while (!ret && leaf->address + leaf->size < table_end) {
		u64 value = READ_ONCE(leaf->entry[1]);

		leaf->value = value;
		if (value && is_table(leaf))
			break;
		leaf->address += leaf->size;
		leaf->entry++;
		if (!value || !is_seen(leaf))
			continue;
		leaf->is_leaf = true;
		leaf->writable = value & STILL_PTE_WRITE;
		ret = fill_leaf(proc, leaf);
		if (ret)
			atomic64_inc(&proc->os->bad_messages);
		else if (leaf->is_leaf)
			ret = visit(proc, leaf, context);
	}
	return ret;
}

/*
 * Calls visit for each leaf of the instance's memory in the range that Linux has seen, ascending, a table at a
 * time. What it returns, if not 0, ends the scan, or -EIO does, as with still_walk(). *at: where the scan begins,
 * and got to.
 */
int still_scan(struct still_proc *proc, u64 *at, u64 end, still_visit visit, void *context)
{
	int ret = 0;

	while (!ret && *at < end) {
		struct still_leaf leaf = { .address = *at };

		still_walk_begin(proc);
		ret = still_walk(proc, *at, &leaf);
		if (!ret && leaf.is_leaf && is_seen(&leaf))
			ret = visit(proc, &leaf, context);
		if (!ret)
			ret = scan_table(proc, end, &leaf, visit, context);
		still_walk_end(proc);
		*at = ret ? max(*at, leaf.address) : leaf.address + leaf.size;
		cond_resched();
	}
	return ret;
}

void still_note_written(u64 entry)
{
	unsigned long pfn = (entry & STILL_PTE_ADDRESS) >> PAGE_SHIFT;
	struct folio *folio;

	if (!(entry & STILL_PTE_DIRTY) || !pfn_valid(pfn))
		return;
	/* Linux still maps it, so it is not being freed. Devices' and kernel pages have no mapping. */
	folio = page_folio(pfn_to_page(pfn));
	if (folio_mapping(folio) && !folio_test_dirty(folio)) {
		/* As ext4 wants it. Who else holds the lock may be our caller. */
		bool locked = folio_trylock(folio);

		folio_mark_dirty(folio);
		if (locked)
			folio_unlock(folio);
	}
}
