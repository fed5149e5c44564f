// SPDX-License-Identifier: GPL-2.0-only
/* /dev/ihk: the partition, and making and destroying instances. */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "admin.h"
#include "os.h"
#include "partition.h"

/* still_partition_lock held. */
static int partition(unsigned int cmd, void *arg)
{
	switch (cmd) {
	case STILL_IOC_CPU_RESERVE:
		return still_cpu_reserve(arg);
	case STILL_IOC_CPU_RELEASE:
		return still_cpu_release(arg);
	case STILL_IOC_CPU_QUERY:
		still_cpu_query(arg, NULL);
		return 0;
	case STILL_IOC_MEM_RESERVE:
		return still_mem_reserve(arg);
	case STILL_IOC_MEM_RELEASE:
		return still_mem_release(arg);
	case STILL_IOC_MEM_QUERY:
		still_mem_query(arg, &still_reserved_memory);
		return 0;
	case STILL_IOC_ACCOUNTS:
		memcpy(arg, &still_accounts, sizeof(still_accounts));
		return 0;
	default:
		return -ENOTTY;
	}
}

static long call(unsigned int cmd, void *arg)
{
	struct still_destroy *destroy = arg;
	long ret;

	if (cmd == STILL_IOC_OS_DESTROY) {
		if (destroy->index >= STILL_MAX_INSTANCES)
			destroy->index = STILL_MAX_INSTANCES;
		return still_os_destroy(destroy->index, destroy->text);
	}
	if (cmd == STILL_IOC_OS_LIST) {
		still_os_list(arg);
		return 0;
	}
	if (mutex_lock_interruptible(&still_partition_lock))
		return -EINTR;
	ret = partition(cmd, arg);
	mutex_unlock(&still_partition_lock);
	return ret;
}

static bool is_known(unsigned int cmd)
{
	static const unsigned int known[] = {
		STILL_IOC_CPU_RESERVE, STILL_IOC_CPU_RELEASE, STILL_IOC_CPU_QUERY,
		STILL_IOC_MEM_RESERVE, STILL_IOC_MEM_RELEASE, STILL_IOC_MEM_QUERY,
		STILL_IOC_OS_DESTROY,  STILL_IOC_OS_LIST,     STILL_IOC_ACCOUNTS,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i] == cmd)
			return true;
	return false;
}

/* The structure goes in (zeroed, where the ioctl only reads) and, on errors too, out: the text is in it. */
static long admin_ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	void __user *arg = (void __user *)user;
	void *copy;
	long ret;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (cmd == STILL_IOC_OS_CREATE)
		return still_os_create();
	if (!is_known(cmd))
		return -ENOTTY;
	copy = kzalloc(_IOC_SIZE(cmd), GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	ret = -EFAULT;
	if (!(_IOC_DIR(cmd) & _IOC_WRITE) || !copy_from_user(copy, arg, _IOC_SIZE(cmd)))
		ret = call(cmd, copy);
	if (ret != -EFAULT && copy_to_user(arg, copy, _IOC_SIZE(cmd)) && !ret)
		ret = -EFAULT;
	kfree(copy);
	return ret;
}

static const struct file_operations admin_ops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = admin_ioctl,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ihk",
	.mode = 0600,
	.fops = &admin_ops,
};

int still_admin_init(void)
{
	return misc_register(&device);
}

void still_admin_exit(void)
{
	misc_deregister(&device);
}
