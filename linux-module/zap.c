// SPDX-License-Identifier: GPL-2.0-only
/*
 * Zap: the LWK takes pages away from a process, and Linux's mappings of them have to go first.
 *
 * Why no mapping with the old rights survives, for leaves of any size:
 *
 *   LWK   1. exchanges the leaf entry (DEPARTING, or fewer rights)     2. sends ZAP
 *   here  3. receives it; full barrier    4. for each page of the leaf: if it is locked, waits until it was
 *            unlocked once    5. unmap_mapping_pages() over the range
 *   insert (proxy_mm.c)  a. locks the page  b. cmpxchg of the entry to SEEN, with the rights it is about
 *            to use  c. Linux entry made   d. unlocks
 *
 * b is atomic against 1. If b comes after 1 it fails, or it finds and uses the new rights: nothing to
 * undo. If b comes before 1, then a < b < 1 < 2 < 3: at 4 the page is either still locked by that
 * inserter, and we wait until after c; or it was unlocked, so c is done. Either way c precedes 5, which
 * removes it. An inserter locks only the one page that it inserts, and 4 looks at every page of the leaf,
 * so the size of the leaf does not matter. That somebody else holds a page lock costs time, no more: a
 * page lock is never held while waiting for the LWK or for a zap.
 *
 * An entry that was not SEEN when 1 exchanged it can be left out at 4: whoever marks it later uses the new
 * rights.
 *
 * The zapper is one thread for each instance, of real-time priority, since LWK threads wait for it. It
 * takes page locks (waiting only), i_mmap locks and page-table locks: never mmap_lock, which a proxy may
 * hold while it waits for the LWK.
 */
#include <linux/io.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched.h>

#include "ikc.h"
#include "lwk_tables.h"
#include "os.h"
#include "proxy.h"
#include "zap.h"

#define USER_END (1ull << STILL_WINDOW_SHIFT)

struct locked {
	u64 at, end; /* still to be looked at */
	struct page *page;
};

static int find_locked(struct still_proc *proc, const struct still_leaf *leaf, void *context)
{
	struct locked *found = context;
	u64 at = max(leaf->address, found->at), to = min(leaf->address + leaf->size, found->end);

	for (; at < to; at += PAGE_SIZE) {
		found->page = pfn_to_page(leaf->first_pfn + ((at - leaf->address) >> PAGE_SHIFT));
		if (PageLocked(found->page)) {
			found->at = at + PAGE_SIZE;
			return 1;
		}
	}
	return 0;
}

static void wait_for_inserters(struct still_proc *proc, u64 start, u64 end)
{
	struct locked found = { .at = start, .end = end };

	while (still_scan(proc, &start, end, find_locked, &found) > 0) {
		folio_wait_locked(page_folio(found.page));
		start = found.at;
	}
}

void still_zap_all(struct still_proc *proc, u64 end)
{
	wait_for_inserters(proc, 0, end);
	unmap_mapping_pages(proc->os->inode->i_mapping, still_proc_window(proc) >> PAGE_SHIFT,
			    end >> PAGE_SHIFT, false);
}

static int zap(struct still_os *os, const struct still_msg *msg, u64 *pinned)
{
	u64 start = msg->arg[0], len = msg->arg[1];
	struct still_proc *proc;

	if (((start | len) & ~PAGE_MASK) || !len || start >= USER_END || len > USER_END - start ||
	    msg->arg[2] > STILL_ZAP_COUNT) {
		atomic64_inc(&os->bad_messages);
		return -EINVAL;
	}
	proc = still_proc_find(os, msg->proc);
	if (!proc)
		return -ESRCH;
	smp_mb(); /* step 3 */
	wait_for_inserters(proc, start, start + len);
	unmap_mapping_pages(os->inode->i_mapping, (still_proc_window(proc) + start) >> PAGE_SHIFT,
			    len >> PAGE_SHIFT, false);
	if (msg->arg[2] == STILL_ZAP_MARK)
		*pinned = still_mark_pinned(proc, start, start + len);
	else if (msg->arg[2] == STILL_ZAP_COUNT)
		*pinned = still_count_pinned(proc, start, start + len);
	else
		*pinned = still_quarantine_range(proc, start, start + len, true);
	atomic64_inc(&os->zaps);
	still_proc_put(proc);
	return 0;
}

static struct still_letter *next_letter(struct still_os *os)
{
	struct still_letter *letter;

	spin_lock_irq(&os->zap_lock);
	letter = list_first_entry_or_null(&os->zap_list, struct still_letter, list);
	if (letter)
		list_del(&letter->list);
	spin_unlock_irq(&os->zap_lock);
	return letter;
}

static int zapper(void *data)
{
	struct still_os *os = data;
	struct still_letter *letter;

	while (!kthread_should_stop()) {
		wait_event_interruptible(os->zap_wait,
					 !list_empty(&os->zap_list) || kthread_should_stop());
		while ((letter = next_letter(os))) {
			u64 pinned = 0;
			int ret = zap(os, &letter->msg, &pinned);

			still_ikc_reply(letter, ret, pinned);
		}
	}
	return 0;
}

/* From the doorbell's interrupt. */
void still_zap_queue(struct still_os *os, struct still_letter *letter)
{
	unsigned long flags;

	spin_lock_irqsave(&os->zap_lock, flags);
	list_add_tail(&letter->list, &os->zap_list);
	spin_unlock_irqrestore(&os->zap_lock, flags);
	wake_up(&os->zap_wait);
}

int still_zapper_start(struct still_os *os)
{
	os->zapper = kthread_create(zapper, os, "still%d_zap", os->index);
	if (IS_ERR(os->zapper)) {
		int ret = PTR_ERR(os->zapper);

		os->zapper = NULL;
		return ret;
	}
	sched_set_fifo(os->zapper);
	wake_up_process(os->zapper);
	return 0;
}

/* After the doorbell has gone, before the letters do. */
void still_zapper_stop(struct still_os *os)
{
	struct still_letter *letter;

	if (!os->zapper)
		return;
	kthread_stop(os->zapper);
	os->zapper = NULL;
	while ((letter = next_letter(os)))
		still_letter_put(letter);
}
