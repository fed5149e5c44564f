// SPDX-License-Identifier: GPL-2.0-only
/*
 * An interrupt domain of our own below x86's vector domain. Linux picks the vectors, moves interrupts between CPUs and
 * shows them in /proc/interrupts like any other; whenever it has moved one, set_affinity publishes where the LWK has to
 * send.
 *
 * An instance has one bell for all of its CPUs, and one more for each CPU of Linux that the administrator has made the
 * server of some of them (the IKC map). A bell stays until the instance goes down: a CPU may be about to ring it.
 * A server that goes offline is replaced by Linux; when it is back it takes its place again.
 */
#include <linux/cpuhotplug.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <linux/percpu.h>
#include <asm/hw_irq.h>
#include <asm/irqdomain.h>
#include <linux/slab.h>
#include <asm/smp.h>

#include "compat.h"
#include "doorbell.h"
#include "ikc.h"
#include "os.h"

#define BELL_MAX STILL_MAX_CPUS

struct still_bell {
	struct still_os *os;
	unsigned int irq;
	u32 server; /* or STILL_NO_CPU */
};

static struct fwnode_handle *fwnode;
static struct irq_domain *domain;
static int hotplug_state;
static DEFINE_MUTEX(bells_lock); /* os->bells of all, and cores[].server */

static struct still_bell *bell_of(const struct still_os *os, u32 cpu)
{
	u32 server = cpu < os->num_cores ? READ_ONCE(os->cores[cpu].server) : STILL_NO_CPU;
	unsigned int i;

	for (i = 0; i < BELL_MAX && os->bells[i]; i++)
		if (os->bells[i]->server == server)
			return os->bells[i];
	return os->bells[0];
}

/* The CPU of Linux where it rings now. */
static unsigned int target_of(struct still_bell *bell)
{
	struct irq_data *data = irq_get_irq_data(bell->irq);

	return data ? cpumask_first(irq_data_get_effective_affinity_mask(data)) : nr_cpu_ids;
}

/*
 * One 64-bit store, so the LWK never sees a new CPU with an old vector. The vector's CPU is taken from the
 * effective mask: irq_cfg.dest_apicid is a logical mask in flat mode, and physical IPIs to it get lost.
 */
static u64 word_of(struct irq_data *data)
{
	struct irq_cfg *cfg = irqd_cfg(data);
	unsigned int cpu = cpumask_first(irq_data_get_effective_affinity_mask(data));

	return cfg && cpu < nr_cpu_ids ? (u64)per_cpu(x86_cpu_to_apicid, cpu) << 32 | cfg->vector
				       : 0;
}

/* From any context, with the interrupt's descriptor locked: no other lock. */
static void publish(struct irq_data *data)
{
	struct still_bell *bell = irq_data_get_irq_chip_data(data);
	struct still_os *os = bell->os;
	u64 word = word_of(data);
	u32 cpu;

	for (cpu = 0; word && cpu < STILL_MAX_CPUS; cpu++)
		if (bell_of(os, cpu) == bell || !os->bells[0])
			WRITE_ONCE(os->shared->doorbells[cpu], word);
}

static int set_affinity(struct irq_data *data, const struct cpumask *mask, bool force)
{
	int ret = irq_chip_set_affinity_parent(data, mask, force);

	if (ret >= 0)
		publish(data);
	return ret;
}

/* There is no device that could be told to be quiet. */
static void nothing(struct irq_data *data)
{
}

static struct irq_chip chip = {
	.name = "stillcore",
	.irq_ack = irq_chip_ack_parent,
	.irq_mask = nothing,
	.irq_unmask = nothing,
	.irq_set_affinity = set_affinity,
	.irq_retrigger = irq_chip_retrigger_hierarchy,
	.flags = IRQCHIP_SKIP_SET_WAKE | IRQCHIP_AFFINITY_PRE_STARTUP,
};

static int domain_alloc(struct irq_domain *d, unsigned int virq, unsigned int count, void *arg)
{
	struct still_bell *bell = arg;
	struct irq_alloc_info info;
	int ret;

	memset(&info, 0, sizeof(info));
	ret = irq_domain_alloc_irqs_parent(d, virq, count, &info);
	if (ret)
		return ret;
	irq_domain_set_info(d, virq, virq, &chip, bell, handle_edge_irq, NULL, "doorbell");
	return 0;
}

static void domain_free(struct irq_domain *d, unsigned int virq, unsigned int count)
{
	irq_domain_free_irqs_common(d, virq, count);
}

static const struct irq_domain_ops domain_ops = {
	.alloc = domain_alloc,
	.free = domain_free,
};

static int came_online(unsigned int cpu);

int still_doorbell_init(void)
{
	int ret = -ENOMEM;

	fwnode = irq_domain_alloc_named_fwnode("stillcore");
	if (!fwnode)
		return -ENOMEM;
	domain = irq_domain_create_hierarchy(x86_vector_domain, 0, 0, fwnode, &domain_ops, NULL);
	if (!domain)
		goto free;
	ret = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "stillcore:doorbell", came_online,
					NULL);
	if (ret < 0)
		goto remove;
	hotplug_state = ret;
	return 0;
remove:
	irq_domain_remove(domain);
free:
	irq_domain_free_fwnode(fwnode);
	return ret;
}

static irqreturn_t rung(int irq, void *data)
{
	struct still_bell *bell = data;

	atomic64_inc(&bell->os->doorbells);
	still_os_check(bell->os);
	still_ikc_drain(bell->os);
	return IRQ_HANDLED;
}

/* At its server, if that is online. bells_lock held. */
static void move_to_server(struct still_bell *bell)
{
	if (bell->server < nr_cpu_ids && cpu_online(bell->server) &&
	    target_of(bell) != bell->server)
		irq_set_affinity(bell->irq, cpumask_of(bell->server));
}

static void free_bell(struct still_bell *bell)
{
	irq_dispose_mapping(bell->irq);
	kfree(bell);
}

/* bells_lock held. */
static int make_bell(struct still_os *os, unsigned int place, u32 server)
{
	struct still_bell *bell = kzalloc(sizeof(*bell), GFP_KERNEL);
	int ret;

	if (!bell)
		return -ENOMEM;
	bell->os = os;
	bell->server = server;
	ret = __irq_domain_alloc_irqs(domain, -1, 1, NUMA_NO_NODE, bell, false, NULL);
	if (ret < 0) {
		kfree(bell);
		return ret;
	}
	bell->irq = ret;
	if (server < nr_cpu_ids && cpu_online(server))
		irq_set_affinity(bell->irq, cpumask_of(server)); /* a later move waits for a ring */
	/* The shared area is there: start-up sets the affinity, which publishes. */
	ret = request_irq(bell->irq, rung, IRQF_NO_THREAD, dev_name(&os->dev), bell);
	if (!ret && target_of(bell) >= nr_cpu_ids)
		ret = irq_set_affinity(bell->irq, cpu_online_mask);
	if (!ret && target_of(bell) >= nr_cpu_ids) {
		free_irq(bell->irq, bell);
		ret = -EIO;
	}
	if (ret) {
		free_bell(bell);
		return ret;
	}
	os->bells[place] = bell;
	move_to_server(bell);
	return 0;
}

/* bells_lock held. Every CPU's word is that of its bell. */
static void publish_all(struct still_os *os)
{
	unsigned int i;

	for (i = 0; i < BELL_MAX && os->bells[i]; i++) {
		struct irq_data *data = irq_get_irq_data(os->bells[i]->irq);

		publish(data);
	}
}

/* bells_lock held. A bell for each server. */
static int make_bells(struct still_os *os)
{
	unsigned int cpu, place = 0;
	int ret = 0;

	if (!os->bells[0])
		ret = make_bell(os, 0, STILL_NO_CPU);
	for (cpu = 0; !ret && cpu < os->num_cores; cpu++) {
		u32 server = os->cores[cpu].server;

		if (server == STILL_NO_CPU || bell_of(os, cpu)->server == server)
			continue;
		while (place < BELL_MAX && os->bells[place])
			place++;
		ret = place < BELL_MAX ? make_bell(os, place, server) : -ENOSPC;
	}
	if (!ret)
		publish_all(os);
	return ret;
}

/* The instance's CPUs, or their servers, are others than before. */
int still_doorbell_place(struct still_os *os)
{
	int ret;

	mutex_lock(&bells_lock);
	ret = make_bells(os);
	mutex_unlock(&bells_lock);
	return ret;
}

int still_doorbell_start(struct still_os *os)
{
	int ret = still_doorbell_place(os);

	if (ret)
		still_doorbell_stop(os);
	return ret;
}

/* The cores are stopped: no new interrupt comes, and free_irq() waits for a handler under way. */
void still_doorbell_stop(struct still_os *os)
{
	unsigned int i;

	mutex_lock(&bells_lock);
	/* Linux moves none of them any more, before the first is gone. */
	for (i = 0; i < BELL_MAX && os->bells[i]; i++)
		free_irq(os->bells[i]->irq, os->bells[i]);
	for (i = 0; i < BELL_MAX && os->bells[i]; i++) {
		free_bell(os->bells[i]);
		os->bells[i] = NULL;
	}
	memset(os->shared->doorbells, 0, sizeof(os->shared->doorbells));
	mutex_unlock(&bells_lock);
}

/* The CPU of Linux that takes the doorbells of that one now, or STILL_NO_CPU. */
u32 still_doorbell_target(struct still_os *os, u32 cpu)
{
	struct still_bell *bell;
	u32 target = nr_cpu_ids;

	mutex_lock(&bells_lock);
	bell = bell_of(os, cpu);
	if (bell)
		target = target_of(bell);
	mutex_unlock(&bells_lock);
	return target < nr_cpu_ids ? target : STILL_NO_CPU;
}

static void move_back(struct work_struct *work)
{
	struct still_os *os;
	int index = 0;
	unsigned int i;

	while ((os = still_os_next(&index))) {
		mutex_lock(&bells_lock);
		for (i = 0; i < BELL_MAX && os->bells[i]; i++)
			move_to_server(os->bells[i]);
		mutex_unlock(&bells_lock);
		still_os_put(os);
	}
}

static DECLARE_WORK(move_back_work, move_back);

/* Under the hotplug lock, which is taken inside of ours. */
static int came_online(unsigned int cpu)
{
	queue_work(system_dfl_wq, &move_back_work);
	return 0;
}

void still_doorbell_exit(void)
{
	cpuhp_remove_state_nocalls(hotplug_state);
	cancel_work_sync(&move_back_work);
	irq_domain_remove(domain);
	irq_domain_free_fwnode(fwnode);
}
