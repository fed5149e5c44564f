// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that comes to an instance, or goes from it, while it runs. os->lock and still_partition_lock are held.
 *
 * The LWK hears of a piece only when the walkers of its page tables know it as the instance's, and is asked for it back
 * before they forget it. Which memory goes is the LWK's choice; what it names is checked like all that it says.
 */
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "hot_memory.h"
#include "ikc.h"
#include "os.h"
#include "partition.h"
#include "text.h"

/* -1: none. */
int still_lwk_node(const struct still_os *os, u32 linux_node)
{
	u32 node;

	for (node = 0; node < os->num_nodes; node++)
		if (os->nodes[node] == linux_node)
			return node;
	return -1;
}

static int tell_added(struct still_os *os, const struct still_range_node *range)
{
	struct still_msg msg = {
		.kind = STILL_MSG_MEM_ADD,
		.arg = { (u64)range->pfn << PAGE_SHIFT, (u64)range->pages << PAGE_SHIFT,
			 still_lwk_node(os, range->node) },
	};

	return still_ikc_call(os, still_ikc_pick_cpu(os), &msg, NULL, false);
}

/* Asks for bytes of the node; the LWK's list of 4 MiB units, or an error. report_lock held. */
static int ask_back(struct still_os *os, u32 linux_node, u64 bytes, u64 *left)
{
	struct still_msg msg = {
		.kind = STILL_MSG_MEM_REMOVE,
		.arg = { still_lwk_node(os, linux_node), bytes },
	};

	return still_ikc_call(os, still_ikc_pick_cpu(os), &msg, left, false);
}

static bool is_untouched(unsigned long pfn)
{
	unsigned long i;

	for (i = 0; i < STILL_MEM_UNIT_PAGES; i++)
		if (page_count(pfn_to_page(pfn + i)) != 1)
			return false;
	return true;
}

static int take_units(struct still_os *os, struct still_pool *gone, u32 node, unsigned int count)
{
	const u64 *list = os->report;
	unsigned int i;
	int ret;

	for (i = 0; i < count; i++) {
		u64 phys = READ_ONCE(list[i]);

		if (phys % STILL_MEM_UNIT || !is_untouched(PHYS_PFN(phys)))
			return -EIO;
		ret = still_pool_take(&os->memory, gone, node, PHYS_PFN(phys),
				      STILL_MEM_UNIT_PAGES);
		if (ret)
			return ret;
	}
	return 0;
}

/* What the LWK gave up and cannot go, it gets back. */
static void undo(struct still_os *os, struct still_pool *gone)
{
	struct still_range_node *range;

	list_for_each_entry(range, &gone->ranges, list)
		if (tell_added(os, range))
			pr_warn("stillcore: instance %d does not take %lu pages back\n", os->index,
				range->pages);
	still_pool_join(gone, &os->memory);
}

static int remove_item(struct still_os *os, struct still_pool *gone, struct still_mem_item *item,
		       char *text)
{
	u64 left = 0;
	int ret;

	if (still_lwk_node(os, item->node) < 0)
		return still_fail(text, -ENOENT, "node %u gives the instance no memory",
				  item->node);
	if (item->bytes == STILL_MEM_ALL || item->bytes > STILL_MAX_REMOVAL)
		return still_fail(text, -EINVAL,
				  "node %u: a running instance gives up to %llu MiB at a time",
				  item->node, STILL_MAX_REMOVAL >> 20);
	mutex_lock(&os->report_lock);
	ret = ask_back(os, item->node, item->bytes, &left);
	if (ret >= 0 && ret != item->bytes / STILL_MEM_UNIT)
		ret = -EIO;
	if (ret > 0)
		ret = take_units(os, gone, item->node, ret);
	mutex_unlock(&os->report_lock);
	if (ret == -EBUSY)
		return still_fail(
			text, ret,
			"node %u: %llu MiB wanted, %llu MiB of it are in use; %llu MiB could go",
			item->node, item->bytes >> 20, (item->bytes - left) >> 20, left >> 20);
	if (ret)
		return still_fail(text, ret,
				  "node %u: the LWK did not give the memory up (error %d)",
				  item->node, -ret);
	return 0;
}

int still_mem_hot_remove(struct still_os *os, struct still_mem_list *list)
{
	struct still_pool gone;
	int ret = still_mem_check_list(list);
	u32 i;

	still_pool_init(&gone);
	for (i = 0; !ret && i < list->count; i++)
		ret = remove_item(os, &gone, &list->item[i], list->text);
	if (!ret)
		ret = still_spans_build(os);
	if (ret) {
		undo(os, &gone);
		return ret;
	}
	still_mem_clear(&gone);
	still_pool_join(&gone, &still_reserved_memory);
	return 0;
}

static int check_nodes(const struct still_os *os, struct still_mem_list *list)
{
	u32 i;

	for (i = 0; i < list->count; i++)
		if (list->item[i].node < STILL_MAX_NODES &&
		    still_lwk_node(os, list->item[i].node) < 0)
			return still_fail(list->text, -EINVAL,
					  "node %u: a running instance gets no memory of a node "
					  "that it did not boot with",
					  list->item[i].node);
	return 0;
}

int still_mem_hot_add(struct still_os *os, struct still_mem_list *list)
{
	struct still_range_node *range, *next;
	struct still_pool fresh, told;
	int ret = check_nodes(os, list);

	if (ret)
		return ret;
	still_pool_init(&fresh);
	still_pool_init(&told);
	ret = still_mem_take_reserved(&fresh, list);
	if (ret)
		return ret;
	/* First of all the walkers know it. */
	ret = still_spans_build_with(os, &fresh);
	if (ret)
		still_fail(list->text, ret, "out of memory for the books");
	list_for_each_entry_safe(range, next, &fresh.ranges, list) {
		if (ret)
			break;
		ret = tell_added(os, range);
		if (ret)
			still_fail(list->text, ret,
				   "the LWK takes no more (error %d): it uses the rest from its "
				   "next boot on",
				   -ret);
		/* It may have taken a part. */
		list_del(&range->list);
		still_pool_insert(&told, range);
	}
	still_pool_join(&told, &os->memory);
	still_pool_join(&fresh, &still_reserved_memory);
	if (ret)
		still_spans_build(os);
	return ret;
}
