// SPDX-License-Identifier: GPL-2.0-only
/*
 * Quarantine: pages that left an LWK process while Linux still refers to them (O_DIRECT or vmsplice under
 * way, a fault that is just giving up). Marked in the LWK's entry, listed here, given back by PAGE_FREE
 * once no reference is left but ours and those of mappings. The pages are ours, so they are linked through
 * page->lru and counted in page->private: no memory is needed to do it.
 */
#include <linux/io.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "compat.h"
#include "ikc.h"
#include "lwk_tables.h"
#include "os.h"
#include "proxy.h"
#include "zap.h"

#define POLL msecs_to_jiffies(10)

/*
 * page->private counts the entries in which the page was marked: it was that many owners' (see pte.h, SHARED).
 */
static void add(struct still_proc *proc, struct page *page)
{
	struct still_os *os = proc->os;

	spin_lock(&os->quarantine_lock);
	if (!page_private(page)) {
		list_add_tail(&page->lru, &os->quarantine);
		os->num_quarantined++;
	}
	set_page_private(page, page_private(page) + 1);
	spin_unlock(&os->quarantine_lock);
	queue_delayed_work(system_dfl_wq, &os->quarantine_work, POLL);
}

/* A 4 KiB entry, inside of a walk. It may change meanwhile: then whoever changed it deals with the page. */
static void quarantine_page(struct still_proc *proc, const struct still_leaf *leaf)
{
	const u64 page = STILL_PTE_ADDRESS | STILL_PTE_PRESENT | STILL_PTE_DEPARTING;
	u64 value = leaf->value, found;

	while (!(value & STILL_PTE_QUARANTINED)) {
		found = cmpxchg(leaf->entry, value, value | STILL_PTE_QUARANTINED);
		if (found == value) {
			add(proc, pfn_to_page(leaf->first_pfn));
			return;
		}
		if ((found ^ leaf->value) & page)
			return;
		value = found;
	}
}

/*
 * References beyond ours and those of Linux's mappings (of other processes that share the page since a fork;
 * each of them answers for its own). A page that is pinned never looks free: the page lock keeps new mappings
 * away, and one that goes is seen as long as its reference is, since that is dropped last. A page that
 * somebody else has locked, or whose mapping goes just now, may look pinned.
 */
static bool is_pinned(struct page *page)
{
	int references;

	if (!trylock_page(page))
		return true;
	references = page_count(page);
	smp_rmb();
	references -= max(still_mapcount(page), 0);
	unlock_page(page);
	return references > 1;
}

static unsigned long pinned_pages(const struct still_leaf *leaf)
{
	unsigned long i, count = 0;

	for (i = 0; i < leaf->size >> PAGE_SHIFT; i++)
		count += is_pinned(pfn_to_page(leaf->first_pfn + i));
	return count;
}

struct pins {
	bool departing_only;
	unsigned long large; /* pinned pages, or leaves, that can't be marked one by one */
};

static int quarantine_leaf(struct still_proc *proc, const struct still_leaf *leaf, void *context)
{
	struct pins *pins = context;
	unsigned long pinned;

	if (pins->departing_only && !still_leaf_departing(leaf))
		return 0;
	pinned = pinned_pages(leaf);
	if (pinned && leaf->size == PAGE_SIZE)
		quarantine_page(proc, leaf);
	else
		pins->large += pinned;
	return 0;
}

/*
 * Quarantines what is pinned below departing entries of the range, or below all that Linux has seen.
 * Returns the number of pinned pages below large entries, which can't be marked.
 */
unsigned long still_quarantine_range(struct still_proc *proc, u64 start, u64 end,
				     bool departing_only)
{
	struct pins pins = { .departing_only = departing_only };

	still_scan(proc, &start, end, quarantine_leaf, &pins);
	return pins.large;
}

static int mark_leaf(struct still_proc *proc, const struct still_leaf *leaf, void *context)
{
	const u64 page = STILL_PTE_ADDRESS | STILL_PTE_PRESENT;
	struct pins *pins = context;
	u64 value = leaf->value, found;

	if (still_leaf_departing(leaf) || !pinned_pages(leaf))
		return 0;
	for (;; value = found) {
		found = cmpxchg(leaf->entry, value, value | STILL_PTE_PINNED);
		if (found == value)
			break;
		if ((found ^ leaf->value) & page)
			return 0; /* gone */
	}
	pins->large += leaf->size != PAGE_SIZE;
	return 0;
}

static int count_leaf(struct still_proc *proc, const struct still_leaf *leaf, void *context)
{
	unsigned long *count = context;

	if (still_leaf_departing(leaf))
		*count += pinned_pages(leaf);
	return 0;
}

/* How many pages below departing entries that Linux has seen are pinned. */
unsigned long still_count_pinned(struct still_proc *proc, u64 start, u64 end)
{
	unsigned long count = 0;

	still_scan(proc, &start, end, count_leaf, &count);
	return count;
}

/*
 * For fork: marks the entries of the range that Linux has seen and whose pages are pinned. Returns how many of
 * them are large.
 */
unsigned long still_mark_pinned(struct still_proc *proc, u64 start, u64 end)
{
	struct pins pins = {};

	still_scan(proc, &start, end, mark_leaf, &pins);
	return pins.large;
}

/* At the end of a process. Not 0: pins below large entries; ask again. */
unsigned long still_quarantine_process(struct still_proc *proc)
{
	unsigned long left = 0;
	u32 i;

	for (i = 0; i < proc->page->num_app_ranges; i++)
		left += still_quarantine_range(proc, proc->page->app[i].start,
					       proc->page->app[i].end, false);
	return left;
}

static void poll(struct work_struct *work)
{
	struct still_os *os = container_of(to_delayed_work(work), struct still_os, quarantine_work);
	struct page *page, *next;
	LIST_HEAD(pages);

	spin_lock(&os->quarantine_lock);
	list_splice_init(&os->quarantine, &pages);
	spin_unlock(&os->quarantine_lock);
	list_for_each_entry_safe(page, next, &pages, lru) {
		struct still_msg msg = {
			.kind = STILL_MSG_PAGE_FREE,
			.arg = { page_to_phys(page) },
		};
		bool is_full;

		if (is_pinned(page))
			continue;
		spin_lock(&os->quarantine_lock);
		list_del(&page->lru);
		msg.arg[1] = page_private(page);
		set_page_private(page, 0); /* the LWK may use it as soon as the message is out */
		is_full =
			still_ikc_try_send(&os->channels[still_ikc_pick_cpu(os)], &msg) == -EAGAIN;
		if (is_full) {
			set_page_private(page, msg.arg[1]);
			list_add(&page->lru, &pages);
		} else {
			os->num_quarantined--;
		}
		spin_unlock(&os->quarantine_lock);
		if (is_full)
			break;
	}
	spin_lock(&os->quarantine_lock);
	list_splice_tail(&pages, &os->quarantine);
	if (!list_empty(&os->quarantine) && READ_ONCE(os->alive))
		queue_delayed_work(system_dfl_wq, &os->quarantine_work, POLL);
	spin_unlock(&os->quarantine_lock);
}

void still_quarantine_init(struct still_os *os)
{
	INIT_LIST_HEAD(&os->quarantine);
	spin_lock_init(&os->quarantine_lock);
	INIT_DELAYED_WORK(&os->quarantine_work, poll);
}

/* The cores are stopped and no process is left alive: the pages are the module's again as all others. */
void still_quarantine_stop(struct still_os *os)
{
	struct page *page, *next;

	cancel_delayed_work_sync(&os->quarantine_work);
	list_for_each_entry_safe(page, next, &os->quarantine, lru) {
		list_del(&page->lru);
		set_page_private(page, 0);
	}
	os->num_quarantined = 0;
}
