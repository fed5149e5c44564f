// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of an instance for whoever makes a core file of it (root): piece by piece, each read checked anew, since
 * what belongs to the instance may change between two of them. os->lock is held.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "dump.h"
#include "image.h"
#include "proxy.h"
#include "text.h"

/* Returns 0 to go on. */
typedef int visit_fn(const struct still_dump_piece *piece, void *data);

static int visit_area(const void *va, size_t bytes, u32 kind, visit_fn *visit, void *data)
{
	struct still_dump_piece piece = { .bytes = PAGE_ALIGN(bytes), .kind = kind };

	if (!va)
		return 0;
	piece.phys = virt_to_phys((void *)va);
	return visit(&piece, data);
}

static int visit_proc(struct still_proc *proc, visit_fn *visit, void *data)
{
	unsigned int i;
	int ret =
		visit_area(proc->page, PAGE_SIZE << STILL_AREA_ORDER, STILL_DUMP_LENT, visit, data);

	for (i = 1; !ret && i < STILL_MAX_CHUNKS; i++) /* the first is behind the page */
		ret = visit_area(READ_ONCE(proc->chunks[i].slots), PAGE_SIZE << STILL_CHUNK_ORDER,
				 STILL_DUMP_LENT, visit, data);
	return ret;
}

static int visit_procs(struct still_os *os, visit_fn *visit, void *data)
{
	struct still_proc *proc;
	unsigned int index = 0;
	int ret = 0;

	while (!ret && (proc = still_proc_next(os, &index))) {
		ret = visit_proc(proc, visit, data);
		still_proc_put(proc);
	}
	return ret;
}

static int visit_all(struct still_os *os, visit_fn *visit, void *data)
{
	const struct still_range_node *range;
	unsigned int i;
	int ret = 0;

	list_for_each_entry(range, &os->memory.ranges, list) {
		struct still_dump_piece piece = {
			.phys = (u64)range->pfn << PAGE_SHIFT,
			.bytes = (u64)range->pages << PAGE_SHIFT,
			.kind = STILL_DUMP_MEMORY,
		};

		ret = visit(&piece, data);
		if (ret)
			return ret;
	}
	ret = visit_area(os->shared, sizeof(*os->shared), STILL_DUMP_SHARED, visit, data);
	if (!ret)
		ret = visit_area(os->log, sizeof(*os->log) + os->log->capacity, STILL_DUMP_LENT,
				 visit, data);
	if (!ret)
		ret = visit_area(os->report, STILL_REPORT_BYTES, STILL_DUMP_LENT, visit, data);
	if (!ret)
		ret = visit_area(os->rings_area.va, os->rings_area.size, STILL_DUMP_LENT, visit,
				 data);
	for (i = 0; !ret && i < os->num_channels; i++)
		ret = visit_area(os->channels[i].own_pair, sizeof(*os->channels[i].own_pair),
				 STILL_DUMP_LENT, visit, data);
	return ret ?: visit_procs(os, visit, data);
}

static int list_piece(const struct still_dump_piece *piece, void *data)
{
	struct still_dump_info *info = data;
	struct still_dump_piece __user *to = u64_to_user_ptr(info->pieces);

	if (info->count < info->space && copy_to_user(&to[info->count], piece, sizeof(*piece)))
		return -EFAULT;
	info->count++;
	return 0;
}

int still_dump_info(struct still_os *os, struct still_dump_info *info)
{
	if (os->state == STILL_OS_INACTIVE)
		return still_fail(info->text, -EBADFD, "instance %d is not up", os->index);
	info->count = 0;
	info->image_phys = os->image_phys;
	info->image_bytes = os->image_span;
	return visit_all(os, list_piece, info);
}

#define FOUND 1

static int read_piece(const struct still_dump_piece *piece, void *data)
{
	struct still_dump_read *request = data;
	u64 from = request->phys - piece->phys;

	if (request->phys < piece->phys || from >= piece->bytes ||
	    request->bytes > piece->bytes - from)
		return 0;
	if (copy_to_user(u64_to_user_ptr(request->buffer), __va(request->phys), request->bytes))
		return -EFAULT;
	return FOUND;
}

int still_dump_read(struct still_os *os, struct still_dump_read *request)
{
	int ret;

	if (os->state == STILL_OS_INACTIVE)
		return still_fail(request->text, -EBADFD, "instance %d is not up", os->index);
	if (!request->bytes || request->bytes > STILL_DUMP_MAX_READ)
		return still_fail(request->text, -EINVAL, "%llu bytes: 1 to %u are possible",
				  request->bytes, STILL_DUMP_MAX_READ);
	ret = visit_all(os, read_piece, request);
	if (ret == FOUND)
		return 0;
	return ret
		       ?: still_fail(request->text, -ENXIO, "%#llx is not the instance's memory",
				     request->phys);
}
