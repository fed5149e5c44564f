// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whoever dies: the LWK (seen once a second, without disturbing a CPU that computes), Linux (panic), or
 * both (reboot).
 */
#include <linux/panic_notifier.h>
#include <linux/reboot.h>

#include "compat.h"
#include "cores.h"
#include "hang.h"
#include "ikc.h"
#include "os.h"
#include "proxy.h"
#include "waiting.h"

/* Runs from boot to the stop of the cores; cancelled before the rings go. */
void still_watch_work(struct work_struct *work)
{
	struct still_os *os = container_of(to_delayed_work(work), struct still_os, watch_work);

	if (!still_os_check(os))
		return;
	if (READ_ONCE(os->shared->hold)) { /* nothing can be expected of it */
		still_watch_afresh(os);
	} else {
		still_ikc_drain(os);
		still_procs_watch_stops(os);
		still_note_waiting(os);
		os->watch_ticks++;
		if (still_watch_cpus(os))
			return;
	}
	queue_delayed_work(system_dfl_wq, &os->watch_work, HZ);
}

/* No locks: this CPU is the last that runs. The memory of a live LWK is not to change under a dump. */
static int linux_panics(struct notifier_block *nb, unsigned long event, void *data)
{
	struct still_os *os;

	list_for_each_entry(os, &still_instances, list)
		if (os->cores_running) {
			still_cores_init_at_once(os);
			pr_emerg("stillcore: the CPUs of instance %d are stopped\n", os->index);
		}
	return NOTIFY_DONE;
}

static struct notifier_block panic_block = { .notifier_call = linux_panics };

static int linux_reboots(struct notifier_block *nb, unsigned long event, void *data)
{
	still_os_stop_everything(2000);
	return NOTIFY_DONE;
}

static struct notifier_block reboot_block = { .notifier_call = linux_reboots };

int still_watch_init(void)
{
	int ret = register_reboot_notifier(&reboot_block);

	if (ret)
		return ret;
	return atomic_notifier_chain_register(&panic_notifier_list, &panic_block);
}

void still_watch_exit(void)
{
	atomic_notifier_chain_unregister(&panic_notifier_list, &panic_block);
	unregister_reboot_notifier(&reboot_block);
}
