// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory: taken from Linux node by node as contiguous ranges, struct pages and direct map kept, each
 * 4 KiB page with a reference of ours (so that Linux may map and pin single pages), given back page by
 * page. Callers hold still_partition_lock.
 *
 * Not offline_and_remove_memory(): without struct pages, system calls on such memory fail or oops. Large
 * chunks come first for contiguity; under memory pressure only the small ones succeed.
 */
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/nodemask.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "compat.h"
#include "os.h"
#include "partition.h"
#include "text.h"

struct still_pool still_reserved_memory;

/* What Linux keeps for itself when somebody asks for all there is. */
#define KEEP_FOR_LINUX (256ul << (20 - PAGE_SHIFT))

static unsigned long to_mib(unsigned long pages)
{
	return pages >> (20 - PAGE_SHIFT);
}

/* One probe for each pageblock: online, this node, one zone (not the ISA one), nothing of Linux's core. */
static bool worth_trying(unsigned long pfn, unsigned long pages, int node)
{
	struct zone *zone = NULL;
	unsigned long at;

	for (at = pfn; at < pfn + pages; at += pageblock_nr_pages) {
		struct page *page = pfn_to_online_page(at);

		if (!page || page_to_nid(page) != node || PageReserved(page))
			return false;
		if (zone && page_zone(page) != zone)
			return false;
		zone = page_zone(page);
	}
	return zone_idx(zone) >= ZONE_DMA32;
}

static bool held_already(struct still_pool *got, unsigned long pfn, unsigned long pages)
{
	return still_pool_overlaps(got, pfn, pages) ||
	       still_pool_overlaps(&still_reserved_memory, pfn, pages) ||
	       still_os_memory_overlaps(pfn, pages);
}

static int note_range(struct still_pool *got, unsigned long pfn, unsigned long pages, int node)
{
	struct still_range_node *range = kmalloc(sizeof(*range), GFP_KERNEL);

	if (!range)
		return -ENOMEM;
	range->pfn = pfn;
	range->pages = pages;
	range->node = node;
	still_pool_insert(got, range);
	still_accounts.pages_taken += pages;
	still_accounts.pages_held += pages;
	return 0;
}

/* Drops our reference to each page. One that is still pinned by I/O goes back when the pin does. */
static void return_pages(unsigned long pfn, unsigned long pages)
{
	unsigned long i;

	for (i = 0; i < pages; i++) {
		__free_page(pfn_to_page(pfn + i));
		if (!(i % STILL_MEM_UNIT_PAGES))
			cond_resched();
	}
}

/* Scans the node from its top downwards: DMA32 memory is the scarcer one. */
static unsigned long take_chunks(struct still_pool *got, int node, unsigned long want,
				 unsigned long chunk)
{
	unsigned long low = node_start_pfn(node), pfn, taken = 0;

	for (pfn = round_down(node_end_pfn(node), chunk); pfn >= low + chunk;) {
		pfn -= chunk;
		if (want - taken < chunk || fatal_signal_pending(current))
			break;
		cond_resched();
		if (held_already(got, pfn, chunk) || !worth_trying(pfn, chunk, node))
			continue;
		if (still_alloc_contig(pfn, chunk))
			continue;
		if (note_range(got, pfn, chunk, node)) {
			return_pages(pfn, chunk);
			break;
		}
		taken += chunk;
	}
	return taken;
}

/* What the buddy allocator has in its largest blocks: found without migrating anything. */
static unsigned long take_blocks(struct still_pool *got, int node, unsigned long want)
{
	const unsigned int order = get_order(STILL_MEM_UNIT);
	unsigned long taken = 0;

	while (want - taken >= STILL_MEM_UNIT_PAGES && !fatal_signal_pending(current)) {
		struct page *page = __alloc_pages_node(
			node, GFP_KERNEL | __GFP_THISNODE | __GFP_NOWARN | __GFP_RETRY_MAYFAIL,
			order);

		if (!page)
			break;
		split_page(page,
			   order); /* a reference for each page, as alloc_contig_range gives */
		if (note_range(got, page_to_pfn(page), STILL_MEM_UNIT_PAGES, node)) {
			return_pages(page_to_pfn(page), STILL_MEM_UNIT_PAGES);
			break;
		}
		taken += STILL_MEM_UNIT_PAGES;
	}
	return taken;
}

static unsigned long take_from_node(struct still_pool *got, int node, unsigned long want)
{
	static const unsigned long chunks[] = { 128ul << 20, 32ul << 20, STILL_MEM_UNIT };
	unsigned long taken = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(chunks) && taken < want; i++)
		taken += take_chunks(got, node, want - taken, chunks[i] >> PAGE_SHIFT);
	if (taken < want)
		taken += take_blocks(got, node, want - taken);
	return taken;
}

static void return_pool(struct still_pool *pool)
{
	struct still_range_node *range, *next;

	list_for_each_entry_safe(range, next, &pool->ranges, list) {
		return_pages(range->pfn, range->pages);
		still_accounts.pages_returned += range->pages;
		still_accounts.pages_held -= range->pages;
		list_del(&range->list);
		kfree(range);
	}
}

int still_mem_check_list(struct still_mem_list *list)
{
	u32 i, j;

	if (!list->count || list->count > STILL_MAX_NODES)
		return still_fail(list->text, -EINVAL, "a list of %u nodes: 1 to %u are possible",
				  list->count, STILL_MAX_NODES);
	for (i = 0; i < list->count; i++) {
		struct still_mem_item *item = &list->item[i];

		if (item->node >= STILL_MAX_NODES || item->node >= MAX_NUMNODES ||
		    !node_online(item->node))
			return still_fail(list->text, -EINVAL,
					  "node %u: this machine has no such node", item->node);
		if (!item->bytes || (item->bytes != STILL_MEM_ALL && item->bytes % STILL_MEM_UNIT))
			return still_fail(list->text, -EINVAL,
					  "node %u: %llu bytes is not a multiple of 4 MiB",
					  item->node, item->bytes);
		for (j = 0; j < i; j++)
			if (list->item[j].node == item->node)
				return still_fail(list->text, -EINVAL, "node %u is listed twice",
						  item->node);
	}
	return 0;
}

static int reserve_item(struct still_pool *got, struct still_mem_item *item, char *text)
{
	unsigned long spare = si_mem_available(), present = node_present_pages(item->node);
	unsigned long want = item->bytes >> PAGE_SHIFT, taken;

	spare = spare > KEEP_FOR_LINUX ? spare - KEEP_FOR_LINUX : 0;
	if (item->bytes == STILL_MEM_ALL)
		want = round_down(min(spare, present), STILL_MEM_UNIT_PAGES);
	else if (item->bytes >> PAGE_SHIFT > present)
		return still_fail(text, -ENOMEM, "node %u: %llu MiB wanted, it has only %lu MiB",
				  item->node, item->bytes >> 20, to_mib(present));
	else if (want > spare)
		return still_fail(text, -ENOMEM,
				  "node %u: %lu MiB wanted, Linux can spare %lu MiB only",
				  item->node, to_mib(want), to_mib(spare));

	taken = take_from_node(got, item->node, want);
	if (fatal_signal_pending(current))
		return still_fail(text, -EINTR, "interrupted");
	if (taken < want && item->bytes != STILL_MEM_ALL)
		return still_fail(text, -ENOMEM,
				  "node %u: %lu MiB wanted, only %lu MiB could be taken",
				  item->node, to_mib(want), to_mib(taken));
	if (!taken)
		return still_fail(text, -ENOMEM, "node %u: no memory could be taken", item->node);
	return 0;
}

int still_mem_reserve(struct still_mem_list *list)
{
	struct still_pool got;
	int ret = still_mem_check_list(list);
	u32 i;

	still_pool_init(&got);
	for (i = 0; !ret && i < list->count; i++)
		ret = reserve_item(&got, &list->item[i], list->text);
	if (ret) {
		return_pool(&got);
		return ret;
	}
	still_pool_join(&got, &still_reserved_memory);
	return 0;
}

/* Moves what the list names; all of it or nothing. */
static int move_list(struct still_pool *from, struct still_pool *to, struct still_mem_list *list,
		     const char *whose)
{
	int ret = still_mem_check_list(list);
	u32 i;

	if (ret)
		return ret;
	for (i = 0; i < list->count; i++) {
		struct still_mem_item *item = &list->item[i];
		unsigned long have = still_pool_pages(from, item->node);

		if (item->bytes == STILL_MEM_ALL)
			item->bytes = (u64)have << PAGE_SHIFT;
		if (item->bytes >> PAGE_SHIFT > have || !have)
			return still_fail(list->text, -ENOENT,
					  "node %u: %llu MiB wanted, %lu MiB %s", item->node,
					  item->bytes >> 20, to_mib(have), whose);
	}
	for (i = 0; i < list->count; i++) {
		struct still_mem_item *item = &list->item[i];

		ret = still_pool_move(from, to, item->node, item->bytes >> PAGE_SHIFT);
		if (ret) {
			while (i--)
				WARN_ON(still_pool_move(to, from, list->item[i].node,
							list->item[i].bytes >> PAGE_SHIFT));
			return still_fail(list->text, ret, "out of memory for the books");
		}
	}
	return 0;
}

int still_mem_release(struct still_mem_list *list)
{
	struct still_pool gone;
	int ret;

	still_pool_init(&gone);
	ret = move_list(&still_reserved_memory, &gone, list, "are reserved and not assigned");
	if (!ret)
		return_pool(&gone);
	return ret;
}

void still_mem_query(struct still_mem_list *list, const struct still_pool *pool)
{
	int node;

	list->count = 0;
	for (node = 0; node < STILL_MAX_NODES; node++) {
		unsigned long pages = still_pool_pages(pool, node);

		if (!pages)
			continue;
		list->item[list->count].node = node;
		list->item[list->count].reserved = 0;
		list->item[list->count++].bytes = (u64)pages << PAGE_SHIFT;
	}
}

int still_mem_take_reserved(struct still_pool *to, struct still_mem_list *list)
{
	return move_list(&still_reserved_memory, to, list, "are reserved and not assigned");
}

int still_mem_assign(struct still_os *os, struct still_mem_list *list)
{
	int ret = still_mem_take_reserved(&os->memory, list);

	if (ret)
		return ret;
	if (still_pool_count(&os->memory) > STILL_MAX_RANGES) {
		move_list(&os->memory, &still_reserved_memory, list, "are assigned");
		return still_fail(list->text, -ENOSPC,
				  "the memory is in more than %u pieces: reserve it in larger ones",
				  STILL_MAX_RANGES);
	}
	return 0;
}

int still_mem_unassign(struct still_os *os, struct still_mem_list *list)
{
	struct still_pool gone;
	int ret;

	still_pool_init(&gone);
	ret = move_list(&os->memory, &gone, list, "are assigned");
	if (ret)
		return ret;
	ret = still_mem_clean(os, &gone, list->text);
	still_pool_join(&gone, ret ? &os->memory : &still_reserved_memory);
	if (list_empty(&os->memory.ranges))
		os->memory_used = false;
	return ret;
}

int still_mem_unassign_all(struct still_os *os, char *text)
{
	int ret = still_mem_clean(os, &os->memory, text);

	if (ret)
		return ret;
	still_pool_join(&os->memory, &still_reserved_memory);
	os->memory_used = false;
	return 0;
}

void still_mem_release_all(void)
{
	return_pool(&still_reserved_memory);
}
