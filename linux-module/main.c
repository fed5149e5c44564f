// SPDX-License-Identifier: GPL-2.0-only
/*
 * stillcore: gives CPUs and memory of a running Linux to lightweight kernels and serves their programs'
 * system calls. Starts up part by part, and stops in reverse order.
 */
#include <linux/module.h>
#include <asm/apic.h>
#include <asm/cpufeature.h>

#include "admin.h"
#include "clock.h"
#include "cuts.h"
#include "doorbell.h"
#include "os.h"
#include "partition.h"
#include "proxy.h"
#include "proxy_mm.h"

struct part {
	const char *name;
	int (*init)(void);
	void (*exit)(void);
};

static const struct part parts[] = {
	{ "CPU hotplug callback", still_cpu_init, still_cpu_exit },
	{ "clock", still_clock_init, still_clock_exit },
	{ "doorbell", still_doorbell_init, still_doorbell_exit },
	{ "pseudo file system", still_pseudo_init, still_pseudo_exit },
	{ "disguise for pins", still_pinnable_init, still_pinnable_exit },
	{ "watched files", still_cuts_init, still_cuts_exit },
	{ "reaper", still_proxy_init, still_proxy_exit },
	{ "device class", still_device_init, still_device_exit },
	{ "notifiers", still_watch_init, still_watch_exit },
	{ "device", still_admin_init, still_admin_exit },
};

static void stop_parts(unsigned int count)
{
	while (count--)
		parts[count].exit();
}

static int __init still_init(void)
{
	unsigned int i;
	int ret;

	if (!boot_cpu_has(X86_FEATURE_APIC) || !boot_cpu_has(X86_FEATURE_GBPAGES)) {
		pr_err("stillcore: needs local APICs and 1 GiB pages\n");
		return -ENODEV;
	}
	still_pool_init(&still_reserved_memory);
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		ret = parts[i].init();
		if (ret) {
			pr_err("stillcore: %s: error %d\n", parts[i].name, ret);
			stop_parts(i);
			return ret;
		}
	}
	pr_info("stillcore: interface revision %u, APIC driver %s\n", STILL_REVISION, apic->name);
	return 0;
}

/* No file of ours is open, so no process is left; instances may still be up. */
static void __exit still_exit(void)
{
	still_proxy_flush();
	still_os_stop_everything(0);
	still_os_destroy_all();
	mutex_lock(&still_partition_lock);
	still_cpu_release_all();
	still_mem_release_all();
	mutex_unlock(&still_partition_lock);
	stop_parts(ARRAY_SIZE(parts));
}

module_init(still_init);
module_exit(still_exit);
MODULE_DESCRIPTION("Lightweight kernels beside Linux");
MODULE_LICENSE("GPL");
