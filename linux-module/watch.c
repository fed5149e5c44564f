// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whoever dies: the LWK (seen once a second, without disturbing a CPU that computes), Linux (panic), or
 * both (reboot).
 */
#include <linux/module.h>
#include <linux/panic_notifier.h>
#include <linux/reboot.h>

#include "compat.h"
#include "cores.h"
#include "ikc.h"
#include "os.h"
#include "proxy.h"

static unsigned int hang_seconds = 10;
module_param(hang_seconds, uint, 0644);
MODULE_PARM_DESC(hang_seconds, "an LWK CPU that leaves messages unread for so long is hung");

static unsigned int ping_seconds = 5;
module_param(ping_seconds, uint, 0644);
MODULE_PARM_DESC(ping_seconds,
		 "how often LWK CPUs without a program are asked for a sign of life, 0: never");

static unsigned int busy_ping_seconds = 60;
module_param(busy_ping_seconds, uint, 0644);
MODULE_PARM_DESC(busy_ping_seconds,
		 "the same for CPUs that run a program (an interrupt each), 0: never");

/*
 * A CPU takes its messages in an interrupt, also over a computing thread: one that leaves them in the ring
 * is stuck with interrupts off. A message is put there for the purpose where somebody waits for it anyhow,
 * or where it disturbs nothing.
 */
static bool may_ping(const struct still_os *os, const struct still_channel *channel)
{
	const struct still_cpu_counters *counters = &os->shared->cpus[channel->cpu];
	bool computes = READ_ONCE(counters->mode) == STILL_CPU_BUSY && READ_ONCE(counters->pid);
	unsigned int seconds = computes ? busy_ping_seconds : ping_seconds;

	if (atomic_read(&channel->calls))
		return true;
	return seconds && os->watch_ticks % seconds == 0;
}

static bool hangs(struct still_os *os, struct still_channel *channel)
{
	struct still_msg ping = { .kind = STILL_MSG_PING, .token = STILL_TOKEN_PING };
	u32 head = READ_ONCE(channel->tx.ring->head);

	if (head != READ_ONCE(channel->tx.index)) {
		channel->stuck = head == channel->watched_head ? channel->stuck + 1 : 1;
		channel->watched_head = head;
		if (channel->stuck > 1)
			still_core_doorbell(channel->apic_id); /* should one have been lost */
		return channel->stuck > hang_seconds;
	}
	channel->stuck = 0;
	channel->watched_head = head;
	if (may_ping(os, channel))
		still_ikc_try_send(channel, &ping);
	return false;
}

/* Runs from boot to the stop of the cores; cancelled before the rings go. */
void still_watch_work(struct work_struct *work)
{
	struct still_os *os = container_of(to_delayed_work(work), struct still_os, watch_work);
	unsigned int i;

	if (!still_os_check(os))
		return;
	if (READ_ONCE(os->shared->hold)) { /* nothing can be expected of it */
		queue_delayed_work(system_dfl_wq, &os->watch_work, HZ);
		return;
	}
	still_ikc_drain(os);
	still_procs_watch_stops(os);
	os->watch_ticks++;
	for (i = 0; i < os->num_channels; i++)
		if (hangs(os, &os->channels[i])) {
			char why[64];

			scnprintf(why, sizeof(why), "LWK CPU %u (Linux's %u) takes no messages", i,
				  os->cores[i].cpu);
			still_os_died(os, STILL_OS_HUNGUP, why);
			return;
		}
	queue_delayed_work(system_dfl_wq, &os->watch_work, HZ);
}

/* No locks: this CPU is the last that runs. The memory of a live LWK is not to change under a dump. */
static int linux_panics(struct notifier_block *nb, unsigned long event, void *data)
{
	struct still_os *os;

	list_for_each_entry(os, &still_instances, list)
		if (os->cores_running)
			still_cores_init_at_once(os);
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
