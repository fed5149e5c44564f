// SPDX-License-Identifier: GPL-2.0-only
/* OS instances: made, and destroyed. */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "image.h"
#include "os.h"
#include "proxy.h"
#include "proxy_mm.h"
#include "text.h"
#include "zap.h"

#define LOG_BYTES (512ul << 10) /* a power of two, see struct still_log */

static int allocate_parts(struct still_os *os)
{
	int ret;

	os->shared = alloc_pages_exact(sizeof(*os->shared), GFP_KERNEL | __GFP_ZERO);
	os->log = alloc_pages_exact(sizeof(*os->log) + LOG_BYTES, GFP_KERNEL | __GFP_ZERO);
	os->report = alloc_pages_exact(STILL_REPORT_BYTES, GFP_KERNEL | __GFP_ZERO);
	if (!os->shared || !os->log || !os->report)
		return -ENOMEM;
	os->log->magic = STILL_MAGIC;
	os->log->capacity = LOG_BYTES;
	ret = still_ikc_create(os);
	if (ret)
		return ret;
	os->inode = still_pseudo_inode();
	if (IS_ERR(os->inode)) {
		ret = PTR_ERR(os->inode);
		os->inode = NULL;
		return ret;
	}
	os->disguise = still_pinnable_disguise(os);
	return 0;
}

/* The last reference is gone: no open file, no process. Called by the device's release too. */
static void release(struct device *dev)
{
	struct still_os *os = container_of(dev, struct still_os, dev);

	if (os->disguise)
		fput(os->disguise);
	iput(os->inode);
	if (os->channels)
		still_ikc_destroy(os);
	if (os->log)
		free_pages_exact(os->log, sizeof(*os->log) + LOG_BYTES);
	if (os->shared)
		free_pages_exact(os->shared, sizeof(*os->shared));
	if (os->report)
		free_pages_exact(os->report, STILL_REPORT_BYTES);
	still_image_free(os->image);
	still_spans_free(os);
	kvfree(os);
}

static void death_work(struct work_struct *work)
{
	struct still_os *os = container_of(work, struct still_os, death_work);

	if (os->state != STILL_OS_SHUTDOWN)
		pr_info("stillcore: instance %d is dead: %s\n", os->index, os->death);
	still_ikc_fail_calls(os);
	still_procs_died(os);
}

static struct still_os *new_os(void)
{
	struct still_os *os = kvzalloc(sizeof(*os), GFP_KERNEL);

	if (!os)
		return NULL;
	device_initialize(&os->dev);
	os->dev.release = release;
	INIT_LIST_HEAD(&os->list);
	mutex_init(&os->lock);
	mutex_init(&os->report_lock);
	spin_lock_init(&os->state_lock);
	spin_lock_init(&os->procs_lock);
	spin_lock_init(&os->zap_lock);
	INIT_LIST_HEAD(&os->zap_list);
	init_waitqueue_head(&os->zap_wait);
	INIT_LIST_HEAD(&os->zombies);
	INIT_LIST_HEAD(&os->groups);
	INIT_LIST_HEAD(&os->signal_files);
	spin_lock_init(&os->signal_lock);
	INIT_WORK(&os->death_work, death_work);
	INIT_WORK(&os->drain_work, still_ikc_drain_work);
	INIT_DELAYED_WORK(&os->watch_work, still_watch_work);
	still_pool_init(&os->memory);
	still_quarantine_init(os);
	if (allocate_parts(os)) {
		still_os_put(os);
		return NULL;
	}
	return os;
}

int still_os_create(void)
{
	struct still_os *os = new_os();
	int ret = -ENOSPC, index;

	if (!os)
		return -ENOMEM;
	mutex_lock(&still_partition_lock);
	for (index = 0; index < STILL_MAX_INSTANCES && still_os_find(index); index++)
		;
	if (index < STILL_MAX_INSTANCES) {
		os->index = index;
		ret = still_device_add(os);
		if (!ret)
			list_add_tail(&os->list, &still_instances);
	}
	mutex_unlock(&still_partition_lock);
	if (ret) {
		still_os_put(os);
		return ret;
	}
	return index;
}

/* os->lock held. */
static int destroy_locked(struct still_os *os, char *text)
{
	int ret;

	if (os->gone)
		return still_fail(text, -ENOENT, "there is no instance %d", os->index);
	if (os->state != STILL_OS_INACTIVE)
		return still_fail(text, -EBUSY, "instance %d is up: shut it down first", os->index);
	if (READ_ONCE(os->num_procs))
		return still_fail(text, -EBUSY, "instance %d has %u processes attached", os->index,
				  os->num_procs);
	mutex_lock(&still_partition_lock);
	ret = still_mem_unassign_all(os, text);
	if (!ret) {
		still_cpu_unassign_all(os);
		list_del_init(&os->list);
		os->gone = true;
	}
	mutex_unlock(&still_partition_lock);
	return ret;
}

int still_os_destroy(int index, char *text)
{
	struct still_os *os = still_os_get_by_index(index);
	int ret;

	if (!os)
		return still_fail(text, -ENOENT, "there is no instance %d", index);
	mutex_lock(&os->lock);
	ret = destroy_locked(os, text);
	mutex_unlock(&os->lock);
	if (!ret) {
		still_device_del(os);
		still_os_put(os); /* the list's reference */
	}
	still_os_put(os);
	return ret;
}

void still_os_destroy_all(void)
{
	char text[STILL_TEXT];
	int index, ret;

	for (index = 0; index < STILL_MAX_INSTANCES; index++) {
		ret = still_os_destroy(index, text);
		if (ret && ret != -ENOENT)
			pr_err("stillcore: %s\n", text);
	}
}
