// SPDX-License-Identifier: GPL-2.0-only
/* What an open /dev/ihkN is. */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/slab.h>

#include "os.h"
#include "proxy.h"

struct still_handle *still_handle_new(struct still_os *os)
{
	struct still_handle *handle = kzalloc(sizeof(*handle), GFP_KERNEL);

	if (!handle)
		return NULL;
	mutex_init(&handle->lock);
	still_os_get(os);
	handle->os = os;
	return handle;
}

void still_handle_free(struct still_handle *handle)
{
	still_os_put(handle->os);
	kfree(handle);
}

/* What an open /dev/ihkN is that made this process; takes the caller's hold on it over. */
struct file *still_handle_open(struct still_proc *proc)
{
	struct still_handle *handle = still_handle_new(proc->os);
	struct file *file;

	if (!handle)
		return ERR_PTR(-ENOMEM);
	file = anon_inode_getfile("[stillcore process]", proc->os->cdev.ops, handle, O_RDWR);
	if (IS_ERR(file))
		still_handle_free(handle);
	else
		handle->proc = proc;
	return file;
}
