/* SPDX-License-Identifier: GPL-2.0-only */
/* Walking an LWK's page tables from Linux. */
#ifndef STILL_LWK_TABLES_H
#define STILL_LWK_TABLES_H

#include <linux/types.h>
#include <stillcore/pte.h>

struct still_proc;

struct still_leaf {
	u64 *entry;  /* good until still_walk_end() */
	u64 value;   /* as it was read */
	u64 address; /* where the leaf, or the hole, begins */
	u64 size;    /* of the leaf, or of the hole */
	bool is_leaf;
	bool writable; /* on every level */
	unsigned long first_pfn;
};

void still_walk_begin(struct still_proc *proc) __acquires(RCU);
void still_walk_end(struct still_proc *proc) __releases(RCU);
int still_walk(struct still_proc *proc, u64 address, struct still_leaf *leaf);

/*
 * Of each leaf that a scan comes by, inside of its walk: SEEN and not FOREIGN; present, departing, or neither (memory
 * without any right). leaf->writable is the entry's own. Not 0: that will do.
 */
typedef int (*still_visit)(struct still_proc *proc, const struct still_leaf *leaf, void *context);
int still_scan(struct still_proc *proc, u64 *at, u64 end, still_visit visit, void *context);

static inline bool still_leaf_present(const struct still_leaf *leaf)
{
	return leaf->is_leaf && (leaf->value & STILL_PTE_PRESENT);
}

static inline bool still_leaf_departing(const struct still_leaf *leaf)
{
	return leaf->is_leaf && !(leaf->value & STILL_PTE_PRESENT) &&
	       (leaf->value & STILL_PTE_DEPARTING);
}

/* Linux learns what the LWK stored in a page of its by that entry, which was just cleared. Any context. */
void still_note_written(u64 entry);

#endif
