// SPDX-License-Identifier: GPL-2.0-only
/*
 * An interrupt domain of our own below x86's vector domain, with one interrupt for each instance. Linux
 * picks the vector, moves it between CPUs and shows it in /proc/interrupts like any other; whenever it
 * has moved it, set_affinity publishes where the LWK has to send.
 */
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <linux/percpu.h>
#include <asm/hw_irq.h>
#include <asm/irqdomain.h>
#include <asm/smp.h>

#include "doorbell.h"
#include "ikc.h"
#include "os.h"

static struct fwnode_handle *fwnode;
static struct irq_domain *domain;

/*
 * One 64-bit store, so the LWK never sees a new CPU with an old vector. The vector's CPU is taken from the
 * effective mask: irq_cfg.dest_apicid is a logical mask in flat mode, and physical IPIs to it get lost.
 */
static void publish(struct irq_data *data)
{
	struct still_os *os = irq_data_get_irq_chip_data(data);
	struct irq_cfg *cfg = irqd_cfg(data);
	unsigned int cpu = cpumask_first(irq_data_get_effective_affinity_mask(data));

	if (!cfg || cpu >= nr_cpu_ids)
		return;
	WRITE_ONCE(os->shared->doorbell, (u64)per_cpu(x86_cpu_to_apicid, cpu) << 32 | cfg->vector);
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
	struct still_os *os = arg;
	struct irq_alloc_info info;
	int ret;

	memset(&info, 0, sizeof(info));
	ret = irq_domain_alloc_irqs_parent(d, virq, count, &info);
	if (ret)
		return ret;
	irq_domain_set_info(d, virq, os->index, &chip, os, handle_edge_irq, NULL, "doorbell");
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

int still_doorbell_init(void)
{
	fwnode = irq_domain_alloc_named_fwnode("stillcore");
	if (!fwnode)
		return -ENOMEM;
	domain = irq_domain_create_hierarchy(x86_vector_domain, 0, STILL_MAX_INSTANCES, fwnode,
					     &domain_ops, NULL);
	if (!domain) {
		irq_domain_free_fwnode(fwnode);
		return -ENOMEM;
	}
	return 0;
}

void still_doorbell_exit(void)
{
	irq_domain_remove(domain);
	irq_domain_free_fwnode(fwnode);
}

static irqreturn_t rung(int irq, void *data)
{
	struct still_os *os = data;

	atomic64_inc(&os->doorbells);
	still_os_check(os);
	still_ikc_drain(os);
	return IRQ_HANDLED;
}

int still_doorbell_start(struct still_os *os)
{
	int virq, ret;

	virq = __irq_domain_alloc_irqs(domain, -1, 1, NUMA_NO_NODE, os, false, NULL);
	if (virq < 0)
		return virq;
	/* The shared area is there: start-up sets the affinity, which publishes. */
	ret = request_irq(virq, rung, IRQF_NO_THREAD, dev_name(&os->dev), os);
	if (!ret && !READ_ONCE(os->shared->doorbell))
		ret = irq_set_affinity(virq, cpu_online_mask);
	if (!ret && !READ_ONCE(os->shared->doorbell)) {
		free_irq(virq, os);
		ret = -EIO;
	}
	if (ret) {
		irq_dispose_mapping(virq);
		return ret;
	}
	os->irq = virq;
	return 0;
}

/* The cores are stopped: no new interrupt comes, and free_irq() waits for a handler under way. */
void still_doorbell_stop(struct still_os *os)
{
	if (!os->irq)
		return;
	free_irq(os->irq, os);
	irq_dispose_mapping(os->irq);
	os->irq = 0;
}
