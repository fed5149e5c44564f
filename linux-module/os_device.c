// SPDX-License-Identifier: GPL-2.0-only
/* /dev/ihkN: one character device for each instance; what an open file of it is. */
#include <linux/capability.h>
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/module.h>

#include "compat.h"
#include "freeze.h"
#include "os.h"
#include "proxy.h"

static unsigned int gid;
module_param(gid, uint, 0444);
MODULE_PARM_DESC(gid, "group that may run programs on the instances (/dev/ihkN), default root");

static struct class *class;
static dev_t first;

static char *devnode(still_const_devnode struct device *dev, umode_t *mode, kuid_t *uid,
		     kgid_t *its_gid)
{
	if (mode) /* not when the node goes */
		*mode = 0660;
	if (its_gid)
		*its_gid = KGIDT_INIT(gid);
	return NULL;
}

static const struct device_type type = { .name = "stillcore", .devnode = devnode };

static int os_open(struct inode *inode, struct file *file)
{
	struct still_os *os = container_of(inode->i_cdev, struct still_os, cdev);

	if (READ_ONCE(os->gone))
		return -ENODEV;
	file->private_data = still_handle_new(os);
	return file->private_data ? 0 : -ENOMEM;
}

static int os_release(struct inode *inode, struct file *file)
{
	struct still_handle *handle = file->private_data;

	still_freeze_closed(handle);
	if (handle->proc)
		still_proc_closed(handle->proc);
	still_handle_free(handle);
	return 0;
}

static int os_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct still_handle *handle = file->private_data;
	struct still_proc *proc = READ_ONCE(handle->proc);

	return proc ? still_slots_mmap(proc, vma) : -EBADFD;
}

static long os_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct still_handle *handle = file->private_data;

	if (_IOC_TYPE(cmd) == STILL_IOC_PROC)
		return still_proxy_ioctl(handle, cmd, (void __user *)arg);
	return still_os_ioctl(handle, cmd, (void __user *)arg);
}

static const struct file_operations os_ops = {
	.owner = THIS_MODULE,
	.open = os_open,
	.release = os_release,
	.mmap = os_mmap,
	.unlocked_ioctl = os_ioctl,
};

int still_device_init(void)
{
	int ret = alloc_chrdev_region(&first, 0, STILL_MAX_INSTANCES, "ihk");

	if (ret)
		return ret;
	class = still_class_create("stillcore");
	if (IS_ERR(class)) {
		unregister_chrdev_region(first, STILL_MAX_INSTANCES);
		return PTR_ERR(class);
	}
	return 0;
}

void still_device_exit(void)
{
	class_destroy(class);
	unregister_chrdev_region(first, STILL_MAX_INSTANCES);
}

int still_device_add(struct still_os *os)
{
	int ret;

	os->dev.class = class;
	os->dev.type = &type;
	os->dev.devt = first + os->index;
	ret = dev_set_name(&os->dev, "ihk%d", os->index);
	if (ret)
		return ret;
	cdev_init(&os->cdev, &os_ops);
	os->cdev.owner = THIS_MODULE;
	return cdev_device_add(&os->cdev, &os->dev);
}

void still_device_del(struct still_os *os)
{
	cdev_device_del(&os->cdev, &os->dev);
}
