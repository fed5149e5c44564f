// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUs that come to an instance, or go from it, while it runs. os->lock and still_partition_lock are held.
 *
 * The LWK starts a CPU itself, by a page that it is lent, and the CPU gets the next number. Numbers have no holes, so
 * only the last CPU can go. Its channel closes with the message that says so: what was sent before is answered, and
 * from then on messages and answers take another CPU's channel. When it has answered that it goes it is INITed.
 */
#include <linux/io.h>

#include "cores.h"
#include "doorbell.h"
#include "hot_cpu.h"
#include "hot_memory.h"
#include "ikc.h"
#include "os.h"
#include "partition.h"
#include "text.h"

static int ask_to_start(struct still_os *os, const struct still_channel *channel, char *text)
{
	const struct still_core *core = &os->cores[channel->cpu];
	struct still_msg msg = {
		.kind = STILL_MSG_CPU_ADD,
		.arg = { core->apic_id | (u64)core->cpu << 32, still_lwk_node(os, core->node), 0,
			 virt_to_phys(channel->own_pair) },
	};
	struct still_trampoline page;
	int ret = still_borrow_trampoline(&page, text);

	if (ret)
		return ret;
	msg.arg[2] = page.phys;
	ret = still_ikc_call(os, 0, &msg, NULL, false);
	if (ret)
		still_core_init(core->apic_id);
	still_return_trampoline(&page);
	return ret;
}

static int start_core(struct still_os *os, char *text)
{
	struct still_channel *channel = still_ikc_prepare(os);
	u32 cpu = os->cores[os->num_channels].cpu;
	int ret = -ENOMEM;

	if (!channel)
		return still_fail(text, ret, "out of memory for the books");
	ret = still_doorbell_place(os);
	if (!ret)
		ret = ask_to_start(os, channel, text);
	if (ret) {
		still_ikc_discard(channel);
		return text[0] ? ret
			       : still_fail(text, ret,
					    "CPU %u: the LWK could not start it (error %d)", cpu,
					    -ret);
	}
	WRITE_ONCE(os->shared->num_cpus, channel->cpu + 1);
	still_ikc_begin(channel);
	return 0;
}

static int stop_last_core(struct still_os *os, char *text)
{
	struct still_channel *channel = &os->channels[os->num_channels - 1];
	const struct still_core *core = &os->cores[channel->cpu];
	struct still_msg msg = { .kind = STILL_MSG_CPU_REMOVE };
	u32 cpu = core->cpu;
	int ret = still_ikc_call_last(channel, &msg);

	if (ret) {
		still_ikc_reopen(channel);
		return still_fail(text, ret, "CPU %u: the LWK did not give it up (error %d)", cpu,
				  -ret);
	}
	still_core_init(core->apic_id);
	still_ikc_end(channel);
	WRITE_ONCE(os->shared->num_cpus, channel->cpu);
	still_cpu_drop(os, cpu);
	return 0;
}

static int check_nodes(const struct still_os *os, struct still_cpu_list *list, u32 first)
{
	u32 i;

	for (i = first; i < os->num_cores; i++)
		if (still_lwk_node(os, os->cores[i].node) < 0)
			return still_fail(list->text, -EINVAL,
					  "CPU %u: a running instance gets no CPU of a node that "
					  "it did not boot with",
					  os->cores[i].cpu);
	return 0;
}

int still_cpu_hot_add(struct still_os *os, struct still_cpu_list *list)
{
	char ignored[STILL_TEXT];
	u32 before = os->num_cores;
	int ret = still_cpu_assign(os, list);

	if (ret)
		return ret;
	list->text[0] = 0;
	ret = check_nodes(os, list, before);
	while (!ret && os->num_channels < os->num_cores)
		ret = start_core(os, list->text);
	if (!ret)
		return 0;
	while (os->num_cores > os->num_channels)
		still_cpu_drop(os, os->cores[os->num_cores - 1].cpu);
	while (os->num_cores > before && !stop_last_core(os, ignored))
		;
	return ret;
}

static bool is_listed(const struct still_cpu_list *list, u32 cpu)
{
	u32 i;

	for (i = 0; i < list->count; i++)
		if (list->cpu[i] == cpu)
			return true;
	return false;
}

static int check_last(const struct still_os *os, struct still_cpu_list *list)
{
	u32 i;

	if (is_listed(list, os->cores[0].cpu))
		return still_fail(list->text, -EBUSY,
				  "CPU %u is the LWK's first: it goes when the instance is down",
				  os->cores[0].cpu);
	for (i = 1; i <= list->count; i++) {
		u32 cpu = os->cores[os->num_cores - i].cpu;

		if (!is_listed(list, cpu))
			return still_fail(list->text, -EBUSY,
					  "a running instance gives its last CPUs first: CPU %u",
					  cpu);
	}
	return 0;
}

int still_cpu_hot_remove(struct still_os *os, struct still_cpu_list *list)
{
	int ret = still_cpu_check_owned(os, list);
	u32 count;

	if (!ret)
		ret = check_last(os, list);
	for (count = list->count; !ret && count; count--)
		ret = stop_last_core(os, list->text);
	return ret;
}
