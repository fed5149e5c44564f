// SPDX-License-Identifier: GPL-2.0-only
/* OS instances: found, and the state that they are in. */
#include <linux/mm.h>
#include <linux/string.h>

#include "os.h"

LIST_HEAD(still_instances);

/* still_partition_lock held. */
struct still_os *still_os_find(int index)
{
	struct still_os *os;

	list_for_each_entry(os, &still_instances, list)
		if (os->index == index)
			return os;
	return NULL;
}

struct still_os *still_os_get_by_index(int index)
{
	struct still_os *os;

	mutex_lock(&still_partition_lock);
	os = still_os_find(index);
	if (os)
		still_os_get(os);
	mutex_unlock(&still_partition_lock);
	return os;
}

/* Goes through them: the first instance at *index or behind it, referenced. */
struct still_os *still_os_next(int *index)
{
	struct still_os *os = NULL;

	while (!os && *index < STILL_MAX_INSTANCES)
		os = still_os_get_by_index((*index)++);
	return os;
}

void still_os_list(struct still_instances *list)
{
	struct still_os *os;

	mutex_lock(&still_partition_lock);
	list_for_each_entry(os, &still_instances, list)
		list->index[list->count++] = os->index;
	mutex_unlock(&still_partition_lock);
}

/* still_partition_lock held. */
bool still_os_memory_overlaps(unsigned long pfn, unsigned long pages)
{
	struct still_os *os;

	list_for_each_entry(os, &still_instances, list)
		if (still_pool_overlaps(&os->memory, pfn, pages))
			return true;
	return false;
}

/* Takes every Linux mapping of the instance's memory away. Faults find it dead. */
void still_os_unmap_all(struct still_os *os)
{
	unmap_mapping_pages(os->inode->i_mapping, 0, 0, false);
}

void still_os_set_state(struct still_os *os, enum still_os_state state)
{
	unsigned long flags;

	spin_lock_irqsave(&os->state_lock, flags);
	os->state = state;
	spin_unlock_irqrestore(&os->state_lock, flags);
}

/* Unless it has died meanwhile. */
void still_os_move(struct still_os *os, enum still_os_state from, enum still_os_state to)
{
	unsigned long flags;

	spin_lock_irqsave(&os->state_lock, flags);
	if (os->state == from)
		os->state = to;
	spin_unlock_irqrestore(&os->state_lock, flags);
}

/* From any context, once or often. All that waits for the LWK ends with -EIO. */
void still_os_died(struct still_os *os, enum still_os_state state, const char *why)
{
	unsigned long flags;

	spin_lock_irqsave(&os->state_lock, flags);
	if (os->alive) {
		WRITE_ONCE(os->alive, false);
		if (os->state == STILL_OS_RUNNING || os->state == STILL_OS_FREEZING ||
		    os->state == STILL_OS_FROZEN)
			os->state = state;
		strscpy(os->death, why, sizeof(os->death));
		queue_work(system_highpri_wq, &os->death_work);
	}
	spin_unlock_irqrestore(&os->state_lock, flags);
}

/* Does it live? Notices a panic, which the LWK only writes down. */
bool still_os_check(struct still_os *os)
{
	if (!READ_ONCE(os->alive))
		return false;
	if (READ_ONCE(os->shared->state) != STILL_STATE_PANIC)
		return true;
	still_os_died(os, STILL_OS_PANIC, "panic");
	return false;
}
