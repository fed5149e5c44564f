// SPDX-License-Identifier: GPL-2.0-only
/* The administrator's ioctls on /dev/ihkN. */
#include <linux/capability.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <stillcore/image.h>

#include "doorbell.h"
#include "dump.h"
#include "freeze.h"
#include "hot_cpu.h"
#include "hot_memory.h"
#include "ikc.h"
#include "image.h"
#include "os.h"
#include "proxy.h"
#include "text.h"
#include "waiting.h"

#define IMAGE_FILE_MAX (256ull << 20) /* with debug information */

/* os->lock held by all of these. */
static int not_while_up(const struct still_os *os, char *text)
{
	if (os->state == STILL_OS_INACTIVE)
		return 0;
	return still_fail(text, -EBUSY, "instance %d is up: shut it down first", os->index);
}

static int load(struct still_os *os, struct still_load *request)
{
	struct still_image *image;
	void *file;
	int ret = not_while_up(os, request->text);

	if (ret)
		return ret;
	if (!request->size || request->size > IMAGE_FILE_MAX)
		return still_fail(request->text, -ENOEXEC,
				  "image: %llu bytes: 1 to %llu are possible", request->size,
				  IMAGE_FILE_MAX);
	file = vmalloc(request->size);
	if (!file)
		return still_fail(request->text, -ENOMEM, "image: no memory for %llu bytes",
				  request->size);
	if (copy_from_user(file, u64_to_user_ptr(request->image), request->size)) {
		vfree(file);
		return -EFAULT;
	}
	image = still_image_parse(file, request->size, request->text);
	if (IS_ERR(image))
		return PTR_ERR(image);
	still_image_free(os->image);
	os->image = image;
	return 0;
}

static int set_kargs(struct still_os *os, struct still_kargs *request)
{
	int ret = not_while_up(os, request->text);

	if (ret)
		return ret;
	if (strnlen(request->cmdline, sizeof(request->cmdline)) == sizeof(request->cmdline))
		return still_fail(request->text, -EINVAL,
				  "the command line is longer than %zu bytes",
				  sizeof(request->cmdline) - 1);
	strscpy(os->cmdline, request->cmdline, sizeof(os->cmdline));
	return 0;
}

static int inject(struct still_os *os, struct still_inject_request *request)
{
	struct still_msg msg = { .kind = STILL_MSG_INJECT, .arg = { request->what } };

	if (os->state != STILL_OS_RUNNING)
		return still_fail(request->text, -EBADFD, "instance %d is not running", os->index);
	return still_ikc_send(os, 0, &msg);
}

/* Held for a dump, perhaps by the caller: it would wait for itself. */
static int not_while_held(const struct still_os *os, char *text)
{
	if (!still_stands_still(os))
		return 0;
	return still_fail(text, -EBUSY, "instance %d is frozen", os->index);
}

static int drop_cache(struct still_os *os, struct still_drop_cache *request)
{
	struct still_msg msg = { .kind = STILL_MSG_DROP_CACHE };
	int ret;

	if (os->state != STILL_OS_RUNNING)
		return still_fail(request->text, -EBADFD, "instance %d is not running", os->index);
	ret = not_while_held(os, request->text);
	if (!ret)
		ret = still_ikc_call(os, still_ikc_pick_cpu(os), &msg, &request->bytes, true);
	return min(ret, 0);
}

static int cpus(struct still_os *os, unsigned int cmd, struct still_cpu_list *list)
{
	bool runs = os->state == STILL_OS_RUNNING;
	int ret = 0;

	if (cmd != STILL_IOC_CPU_ASSIGNED)
		ret = runs ? not_while_held(os, list->text) : not_while_up(os, list->text);
	if (ret)
		return ret;
	mutex_lock(&still_partition_lock);
	if (cmd == STILL_IOC_CPU_ASSIGN)
		ret = runs ? still_cpu_hot_add(os, list) : still_cpu_assign(os, list);
	else if (cmd == STILL_IOC_CPU_UNASSIGN)
		ret = runs ? still_cpu_hot_remove(os, list) : still_cpu_unassign(os, list);
	else
		still_cpu_query(list, os);
	mutex_unlock(&still_partition_lock);
	return ret;
}

static int memory(struct still_os *os, unsigned int cmd, struct still_mem_list *list)
{
	bool runs = os->state == STILL_OS_RUNNING;
	int ret = 0;

	if (cmd != STILL_IOC_MEM_ASSIGNED)
		ret = runs ? not_while_held(os, list->text) : not_while_up(os, list->text);
	if (ret)
		return ret;
	mutex_lock(&still_partition_lock);
	if (cmd == STILL_IOC_MEM_ASSIGN)
		ret = runs ? still_mem_hot_add(os, list) : still_mem_assign(os, list);
	else if (cmd == STILL_IOC_MEM_UNASSIGN)
		ret = runs ? still_mem_hot_remove(os, list) : still_mem_unassign(os, list);
	else
		still_mem_query(list, &os->memory);
	mutex_unlock(&still_partition_lock);
	return ret;
}

static int locked(struct still_handle *handle, unsigned int cmd, void *arg)
{
	struct still_os *os = handle->os;

	switch (cmd) {
	case STILL_IOC_CPU_ASSIGN:
	case STILL_IOC_CPU_UNASSIGN:
	case STILL_IOC_CPU_ASSIGNED:
		return cpus(os, cmd, arg);
	case STILL_IOC_MEM_ASSIGN:
	case STILL_IOC_MEM_UNASSIGN:
	case STILL_IOC_MEM_ASSIGNED:
		return memory(os, cmd, arg);
	case STILL_IOC_IKC_MAP_SET:
		return still_ikc_map_set(os, arg);
	case STILL_IOC_IKC_MAP_GET:
		return still_ikc_map_get(os, arg);
	case STILL_IOC_LOAD:
		return load(os, arg);
	case STILL_IOC_KARGS:
		return set_kargs(os, arg);
	case STILL_IOC_BOOT:
		return still_os_boot(os, arg);
	case STILL_IOC_SHUTDOWN:
		return still_os_shutdown(os, arg);
	case STILL_IOC_INJECT:
		return inject(os, arg);
	case STILL_IOC_DROP_CACHE:
		return drop_cache(os, arg);
	case STILL_IOC_FREEZE:
		return still_freeze(handle, arg);
	case STILL_IOC_THAW:
		return still_thaw(handle, arg);
	case STILL_IOC_DUMP_INFO:
		return still_dump_info(os, arg);
	case STILL_IOC_CALLS:
		return still_list_waiting(os, arg);
	case STILL_IOC_DUMP_READ:
		return still_dump_read(os, arg);
	default:
		return -ENOTTY;
	}
}

/* Copies the structure in and, whatever the result, out again: the text is in it. */
static int with_argument(struct still_handle *handle, unsigned int cmd, void __user *user,
			 int (*call)(struct still_handle *handle, unsigned int cmd, void *arg))
{
	void *arg = memdup_user(user, _IOC_SIZE(cmd));
	int ret;

	if (IS_ERR(arg))
		return PTR_ERR(arg);
	ret = call(handle, cmd, arg);
	if (copy_to_user(user, arg, _IOC_SIZE(cmd)) && !ret)
		ret = -EFAULT;
	kfree(arg);
	return ret;
}

static int change(struct still_handle *handle, unsigned int cmd, void *arg)
{
	struct still_os *os = handle->os;
	int ret = -ENODEV;

	if (mutex_lock_interruptible(&os->lock))
		return -EINTR;
	if (!os->gone)
		ret = locked(handle, cmd, arg);
	mutex_unlock(&os->lock);
	return ret;
}

static int view(struct still_handle *handle, unsigned int cmd, void *arg)
{
	if (cmd == STILL_IOC_PROCESS)
		return still_report_next(handle->os, arg);
	if (cmd == STILL_IOC_USAGE)
		return still_usage_next(handle->os, arg);
	return cmd == STILL_IOC_STATUS ? still_status(handle->os, arg)
				       : still_kmsg(handle->os, arg);
}

/* The sizes are the ABI's: an unknown cmd must not choose how much is copied. */
static bool is_known(unsigned int cmd)
{
	static const unsigned int known[] = {
		STILL_IOC_CPU_ASSIGN,  STILL_IOC_CPU_UNASSIGN, STILL_IOC_CPU_ASSIGNED,
		STILL_IOC_MEM_ASSIGN,  STILL_IOC_MEM_UNASSIGN, STILL_IOC_MEM_ASSIGNED,
		STILL_IOC_LOAD,        STILL_IOC_KARGS,        STILL_IOC_BOOT,
		STILL_IOC_SHUTDOWN,    STILL_IOC_INJECT,       STILL_IOC_DROP_CACHE,
		STILL_IOC_FREEZE,      STILL_IOC_THAW,         STILL_IOC_DUMP_INFO,
		STILL_IOC_DUMP_READ,   STILL_IOC_CALLS,        STILL_IOC_IKC_MAP_SET,
		STILL_IOC_IKC_MAP_GET,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i] == cmd)
			return true;
	return false;
}

static bool is_query(unsigned int cmd)
{
	return cmd == STILL_IOC_STATUS || cmd == STILL_IOC_PROCESS || cmd == STILL_IOC_USAGE ||
	       cmd == STILL_IOC_CPU_ASSIGNED || cmd == STILL_IOC_MEM_ASSIGNED ||
	       cmd == STILL_IOC_IKC_MAP_GET;
}

long still_os_ioctl(struct still_handle *handle, unsigned int cmd, void __user *arg)
{
	if (!is_query(cmd) && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (cmd == STILL_IOC_STATUS || cmd == STILL_IOC_KMSG || cmd == STILL_IOC_PROCESS ||
	    cmd == STILL_IOC_USAGE)
		return with_argument(handle, cmd, arg, view);
	if (cmd == STILL_IOC_CLEAR_KMSG)
		return still_clear_kmsg(handle->os);
	return is_known(cmd) ? with_argument(handle, cmd, arg, change) : -ENOTTY;
}
