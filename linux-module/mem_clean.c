// SPDX-License-Identifier: GPL-2.0-only
/* Memory between two tenants: free of foreign references, and zero. */
#include <linux/delay.h>
#include <linux/mm.h>

#include "os.h"
#include "partition.h"
#include "text.h"

static unsigned long foreign_references(const struct still_pool *pool)
{
	const struct still_range_node *range;
	unsigned long i, count = 0;

	list_for_each_entry(range, &pool->ranges, list) {
		for (i = 0; i < range->pages; i++)
			count += page_count(pfn_to_page(range->pfn + i)) != 1;
		cond_resched();
	}
	return count;
}

/* Not clear_page(): emulators run its string instruction step by step, several times as slow. */
static void zero_page(u64 *page)
{
	unsigned int i;

	for (i = 0; i < PAGE_SIZE / sizeof(*page); i += 8) {
		WRITE_ONCE(page[i], 0);
		WRITE_ONCE(page[i + 1], 0);
		WRITE_ONCE(page[i + 2], 0);
		WRITE_ONCE(page[i + 3], 0);
		WRITE_ONCE(page[i + 4], 0);
		WRITE_ONCE(page[i + 5], 0);
		WRITE_ONCE(page[i + 6], 0);
		WRITE_ONCE(page[i + 7], 0);
	}
}

void still_mem_clear(const struct still_pool *pool)
{
	const struct still_range_node *range;
	unsigned long i;

	list_for_each_entry(range, &pool->ranges, list) {
		for (i = 0; i < range->pages; i++) {
			zero_page(pfn_to_kaddr(range->pfn + i));
			if (!(i % STILL_MEM_UNIT_PAGES))
				cond_resched();
		}
	}
}

/*
 * What an LWK has used is cleared before anybody else can see it, and nobody else gets a page that
 * Linux still has mapped or pinned for a program of that LWK.
 */
int still_mem_clean(struct still_os *os, const struct still_pool *pool, char *text)
{
	unsigned long pinned = 0;
	int tries;

	if (!os->memory_used)
		return 0;
	for (tries = 0; tries < 100; tries++) {
		still_os_unmap_all(os);
		pinned = foreign_references(pool);
		if (!pinned)
			break;
		msleep(20);
	}
	if (pinned)
		return still_fail(text, -EBUSY, "%lu pages are still used by I/O of Linux programs",
				  pinned);
	still_mem_clear(pool);
	return 0;
}
