// SPDX-License-Identifier: GPL-2.0-only
/* Which memory is the instance's, as those who walk the LWK's page tables ask it: sorted, replaced as a whole. */
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "os.h"
#include "partition.h"

struct still_spans {
	unsigned int count;
	struct still_span {
		unsigned long first_pfn;
		unsigned long end_pfn;
	} span[];
};

static int compare(const void *a, const void *b)
{
	const struct still_span *left = a, *right = b;

	return left->first_pfn < right->first_pfn ? -1 : 1;
}

static void note(struct still_spans *spans, const struct still_pool *pool)
{
	const struct still_range_node *range;

	/* Two ranges of different nodes may touch; a page frame that crosses them is nobody's. */
	list_for_each_entry(range, &pool->ranges, list) {
		spans->span[spans->count].first_pfn = range->pfn;
		spans->span[spans->count++].end_pfn = range->pfn + range->pages;
	}
}

/* Of the instance's memory and, if more is not NULL, of that. Waits for those who look at the old ones. */
int still_spans_build_with(struct still_os *os, const struct still_pool *more)
{
	struct still_spans *spans, *old;
	unsigned int count = still_pool_count(&os->memory) + (more ? still_pool_count(more) : 0);

	spans = kvzalloc(struct_size(spans, span, count), GFP_KERNEL);
	if (!spans)
		return -ENOMEM;
	note(spans, &os->memory);
	if (more)
		note(spans, more);
	sort(spans->span, spans->count, sizeof(spans->span[0]), compare, NULL);
	old = rcu_dereference_protected(os->spans, lockdep_is_held(&os->lock));
	rcu_assign_pointer(os->spans, spans);
	if (old)
		synchronize_rcu_expedited(); /* a boot waits */
	kvfree(old);
	return 0;
}

int still_spans_build(struct still_os *os)
{
	return still_spans_build_with(os, NULL);
}

/* Nobody looks any more. */
void still_spans_free(struct still_os *os)
{
	kvfree(rcu_access_pointer(os->spans));
}

/* Is that memory the instance's? Good while it is up, and inside a walk (lwk_tables.c). */
bool still_os_owns(const struct still_os *os, unsigned long pfn, unsigned long pages)
{
	const struct still_spans *spans;
	unsigned int low = 0, high;
	bool owns = false;

	rcu_read_lock();
	spans = rcu_dereference(os->spans);
	high = spans ? spans->count : 0;
	while (low < high) {
		unsigned int mid = (low + high) / 2;
		const struct still_span *span = &spans->span[mid];

		if (pfn < span->first_pfn) {
			high = mid;
		} else if (pfn >= span->end_pfn) {
			low = mid + 1;
		} else {
			owns = pages <= span->end_pfn - pfn;
			break;
		}
	}
	rcu_read_unlock();
	return owns;
}
