// SPDX-License-Identifier: GPL-2.0-only
/* Sorted lists of physical ranges, and moving amounts between them. Callers hold still_partition_lock. */
#include <linux/slab.h>

#include "partition.h"

void still_pool_init(struct still_pool *pool)
{
	INIT_LIST_HEAD(&pool->ranges);
}

static bool follows(const struct still_range_node *low, const struct still_range_node *high)
{
	return low->node == high->node && low->pfn + low->pages == high->pfn;
}

/* Takes the range over. */
void still_pool_insert(struct still_pool *pool, struct still_range_node *range)
{
	struct still_range_node *next, *prev;

	list_for_each_entry(next, &pool->ranges, list)
		if (next->pfn > range->pfn)
			break;
	list_add_tail(&range->list, &next->list);

	if (!list_is_last(&range->list, &pool->ranges)) {
		next = list_next_entry(range, list);
		if (follows(range, next)) {
			range->pages += next->pages;
			list_del(&next->list);
			kfree(next);
		}
	}
	if (!list_is_first(&range->list, &pool->ranges)) {
		prev = list_prev_entry(range, list);
		if (follows(prev, range)) {
			prev->pages += range->pages;
			list_del(&range->list);
			kfree(range);
		}
	}
}

unsigned long still_pool_pages(const struct still_pool *pool, int node)
{
	const struct still_range_node *range;
	unsigned long pages = 0;

	list_for_each_entry(range, &pool->ranges, list)
		if (node < 0 || range->node == node)
			pages += range->pages;
	return pages;
}

unsigned int still_pool_count(const struct still_pool *pool)
{
	const struct still_range_node *range;
	unsigned int count = 0;

	list_for_each_entry(range, &pool->ranges, list)
		count++;
	return count;
}

bool still_pool_overlaps(const struct still_pool *pool, unsigned long pfn, unsigned long pages)
{
	const struct still_range_node *range;

	list_for_each_entry(range, &pool->ranges, list)
		if (pfn < range->pfn + range->pages && range->pfn < pfn + pages)
			return true;
	return false;
}

static struct still_range_node *largest(const struct still_pool *pool, int node)
{
	struct still_range_node *range, *best = NULL;

	list_for_each_entry(range, &pool->ranges, list)
		if (range->node == node && (!best || range->pages > best->pages))
			best = range;
	return best;
}

/*
 * Moves that many pages of the node, large pieces first so that contiguity survives. Only the last
 * piece can need a split, so one spare allocated up front makes the rest infallible.
 */
int still_pool_move(struct still_pool *from, struct still_pool *to, int node, unsigned long pages)
{
	struct still_range_node *spare, *range;

	if (still_pool_pages(from, node) < pages)
		return -ENOSPC;
	spare = kmalloc(sizeof(*spare), GFP_KERNEL);
	if (!spare)
		return -ENOMEM;

	while (pages) {
		range = largest(from, node);
		if (range->pages > pages) {
			range->pages -= pages;
			spare->pfn = range->pfn + range->pages;
			spare->pages = pages;
			spare->node = node;
			range = spare;
			spare = NULL;
		} else {
			list_del(&range->list);
		}
		pages -= range->pages;
		still_pool_insert(to, range);
	}
	kfree(spare);
	return 0;
}

int still_pool_take(struct still_pool *from, struct still_pool *to, int node, unsigned long pfn,
		    unsigned long pages)
{
	struct still_range_node *range, *taken, *rest;
	unsigned long end;

	list_for_each_entry(range, &from->ranges, list)
		if (range->node == node && pfn >= range->pfn &&
		    pfn + pages <= range->pfn + range->pages)
			break;
	if (list_entry_is_head(range, &from->ranges, list))
		return -ENOENT;
	taken = kmalloc(sizeof(*taken), GFP_KERNEL);
	rest = kmalloc(sizeof(*rest), GFP_KERNEL);
	if (!taken || !rest) {
		kfree(taken);
		kfree(rest);
		return -ENOMEM;
	}
	end = range->pfn + range->pages;
	*taken = (struct still_range_node){ .pfn = pfn, .pages = pages, .node = node };
	*rest = (struct still_range_node){ .pfn = pfn + pages,
					   .pages = end - pfn - pages,
					   .node = node };
	range->pages = pfn - range->pfn;
	if (rest->pages)
		list_add(&rest->list, &range->list);
	else
		kfree(rest);
	if (!range->pages) {
		list_del(&range->list);
		kfree(range);
	}
	still_pool_insert(to, taken);
	return 0;
}

void still_pool_join(struct still_pool *from, struct still_pool *to)
{
	struct still_range_node *range, *next;

	list_for_each_entry_safe(range, next, &from->ranges, list) {
		list_del(&range->list);
		still_pool_insert(to, range);
	}
}
