// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUs: taken from Linux by remove_cpu(), kept from coming back by a hotplug callback that refuses,
 * given back by add_cpu(). Callers hold still_partition_lock.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/slab.h>
#include <linux/suspend.h>
#include <linux/topology.h>
#include <asm/smp.h>

#include "compat.h"
#include "cores.h"
#include "os.h"
#include "partition.h"
#include "text.h"

DEFINE_MUTEX(still_partition_lock);
struct still_accounts still_accounts;

static struct cpumask reserved_mask;
static struct still_os **owner_of; /* by Linux CPU number; NULL: not assigned */
static int hotplug_state;

/*
 * While each CPU that is present was booted once, Linux sends what is for all of its CPUs by a broadcast, which reaches
 * ours too. At the end of each hotplug operation it looks whether that is so. So our CPUs are not present until it has
 * looked.
 */
static DEFINE_SPINLOCK(hide_lock);

static void set_reserved_present(bool present)
{
	unsigned int cpu;

	spin_lock(&hide_lock);
	for_each_cpu(cpu, &reserved_mask)
		set_cpu_present(cpu, present);
	spin_unlock(&hide_lock);
}

static void end_hiding(struct work_struct *work)
{
	mutex_lock(&still_partition_lock);
	/* Waits for the operation that goes on. Another would find hotplug disabled, so this comes a little later. */
	cpu_hotplug_disable();
	set_reserved_present(true);
	cpu_hotplug_enable();
	mutex_unlock(&still_partition_lock);
}

static DECLARE_DELAYED_WORK(end_hiding_work, end_hiding);

static int hide_reserved(unsigned int cpu)
{
	set_reserved_present(false);
	mod_delayed_work(system_dfl_wq, &end_hiding_work, msecs_to_jiffies(10));
	return 0;
}

/* Someone else (sysfs, udev, SMT control) brings a CPU up: never one of ours, an LWK may run on it. */
static int refuse_online(unsigned int cpu)
{
	hide_reserved(cpu);
	return cpumask_test_cpu(cpu, &reserved_mask) ? -EBUSY : 0;
}

static void set_reserved(unsigned int cpu, bool reserved)
{
	spin_lock(&hide_lock);
	if (reserved)
		cpumask_set_cpu(cpu, &reserved_mask);
	else
		cpumask_clear_cpu(cpu, &reserved_mask);
	set_cpu_present(cpu, true);
	spin_unlock(&hide_lock);
}

/* Suspend would take the power from under a running LWK. */
static int refuse_suspend(struct notifier_block *nb, unsigned long event, void *data)
{
	if (event != PM_SUSPEND_PREPARE && event != PM_HIBERNATION_PREPARE &&
	    event != PM_RESTORE_PREPARE)
		return NOTIFY_DONE;
	if (cpumask_empty(&reserved_mask))
		return NOTIFY_DONE;
	pr_warn("stillcore: no suspend while CPUs are reserved\n");
	return notifier_from_errno(-EBUSY);
}

static struct notifier_block pm_block = { .notifier_call = refuse_suspend };

int still_cpu_init(void)
{
	int ret;

	owner_of = kcalloc(nr_cpu_ids, sizeof(*owner_of), GFP_KERNEL);
	if (!owner_of)
		return -ENOMEM;
	ret = register_pm_notifier(&pm_block);
	if (ret)
		goto free;
	ret = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN, "stillcore:reserved", refuse_online,
					hide_reserved);
	if (ret < 0)
		goto unregister;
	hotplug_state = ret;
	return 0;
unregister:
	unregister_pm_notifier(&pm_block);
free:
	kfree(owner_of);
	return ret;
}

void still_cpu_exit(void)
{
	cpuhp_remove_state_nocalls(hotplug_state);
	cancel_delayed_work_sync(&end_hiding_work);
	unregister_pm_notifier(&pm_block);
	kfree(owner_of);
}

static int check_list(struct still_cpu_list *list)
{
	u32 i, j;

	if (!list->count || list->count > STILL_MAX_CPUS)
		return still_fail(list->text, -EINVAL, "a list of %u CPUs: 1 to %u are possible",
				  list->count, STILL_MAX_CPUS);
	for (i = 0; i < list->count; i++) {
		u32 cpu = list->cpu[i];

		if (cpu >= nr_cpu_ids || !cpu_present(cpu))
			return still_fail(list->text, -EINVAL,
					  "CPU %u: this machine has no such CPU", cpu);
		for (j = 0; j < i; j++)
			if (list->cpu[j] == cpu)
				return still_fail(list->text, -EINVAL, "CPU %u is listed twice",
						  cpu);
	}
	return 0;
}

static int give_back(u32 cpu)
{
	int ret;

	set_reserved(cpu, false);
	ret = add_cpu(cpu);
	set_reserved_present(true);
	if (ret) {
		set_reserved(cpu, true);
		return ret;
	}
	still_accounts.cpus_returned++;
	still_accounts.cpus_held--;
	return 0;
}

static int take(u32 cpu)
{
	int ret;

	/* The mask first: there is no moment at which the CPU is offline and free for others. */
	set_reserved(cpu, true);
	ret = remove_cpu(cpu);
	set_reserved_present(true);
	if (ret) {
		set_reserved(cpu, false);
		return ret;
	}
	still_accounts.cpus_taken++;
	still_accounts.cpus_held++;
	return 0;
}

int still_cpu_reserve(struct still_cpu_list *list)
{
	int ret = check_list(list);
	u32 i;

	if (ret)
		return ret;
	for (i = 0; i < list->count; i++) {
		u32 cpu = list->cpu[i];

		if (cpumask_test_cpu(cpu, &reserved_mask))
			return still_fail(list->text, -EBUSY, "CPU %u is reserved already", cpu);
		if (!cpu)
			return still_fail(list->text, -EPERM,
					  "CPU 0 is the boot CPU, which stays with Linux");
		if (!cpu_online(cpu))
			return still_fail(list->text, -ENODEV, "CPU %u is offline", cpu);
		if (cpu_to_node(cpu) < 0 || cpu_to_node(cpu) >= STILL_MAX_NODES)
			return still_fail(list->text, -EINVAL, "CPU %u: its node %d is beyond %d",
					  cpu, cpu_to_node(cpu), STILL_MAX_NODES);
	}
	if (num_online_cpus() <= list->count)
		return still_fail(list->text, -EBUSY,
				  "%u CPUs are online: taking %u would leave Linux without one",
				  num_online_cpus(), list->count);

	still_capture_cpu_state(list->cpu[0]);
	for (i = 0; i < list->count; i++) {
		ret = take(list->cpu[i]);
		if (ret)
			goto undo;
	}
	return 0;
undo:
	still_fail(list->text, ret, "CPU %u: Linux could not take it offline (error %d)",
		   list->cpu[i], -ret);
	while (i--)
		if (give_back(list->cpu[i]))
			pr_err("stillcore: CPU %u does not come back online\n", list->cpu[i]);
	return ret;
}

int still_cpu_release(struct still_cpu_list *list)
{
	int ret = check_list(list);
	u32 i;

	if (ret)
		return ret;
	for (i = 0; i < list->count; i++) {
		if (!cpumask_test_cpu(list->cpu[i], &reserved_mask))
			return still_fail(list->text, -ENOENT, "CPU %u is not reserved",
					  list->cpu[i]);
		if (owner_of[list->cpu[i]])
			return still_fail(list->text, -EBUSY, "CPU %u is assigned to instance %d",
					  list->cpu[i], owner_of[list->cpu[i]]->index);
	}
	for (i = 0; i < list->count; i++) {
		ret = give_back(list->cpu[i]);
		if (ret)
			goto undo;
	}
	return 0;
undo:
	still_fail(list->text, ret, "CPU %u: Linux could not bring it online (error %d)",
		   list->cpu[i], -ret);
	while (i--)
		if (take(list->cpu[i]))
			pr_err("stillcore: CPU %u stays with Linux\n", list->cpu[i]);
	return ret;
}

/* owner NULL: reserved and not assigned. An instance's CPUs are listed in its own order. */
void still_cpu_query(struct still_cpu_list *list, const struct still_os *owner)
{
	unsigned int cpu;

	list->count = 0;
	if (owner) {
		for (cpu = 0; cpu < owner->num_cores; cpu++)
			list->cpu[list->count++] = owner->cores[cpu].cpu;
		return;
	}
	for_each_cpu(cpu, &reserved_mask)
		if (!owner_of[cpu] && list->count < STILL_MAX_CPUS)
			list->cpu[list->count++] = cpu;
}

int still_cpu_assign(struct still_os *os, struct still_cpu_list *list)
{
	int ret = check_list(list);
	u32 i;

	if (ret)
		return ret;
	if (os->num_cores + list->count > STILL_MAX_CPUS)
		return still_fail(list->text, -ENOSPC, "an instance has at most %u CPUs",
				  STILL_MAX_CPUS);
	for (i = 0; i < list->count; i++) {
		if (!cpumask_test_cpu(list->cpu[i], &reserved_mask))
			return still_fail(list->text, -ENOENT, "CPU %u is not reserved",
					  list->cpu[i]);
		if (owner_of[list->cpu[i]])
			return still_fail(list->text, -EBUSY, "CPU %u belongs to instance %d",
					  list->cpu[i], owner_of[list->cpu[i]]->index);
	}
	for (i = 0; i < list->count; i++) {
		struct still_core *core = &os->cores[os->num_cores++];

		os->cores_wait = false;
		core->cpu = list->cpu[i];
		core->apic_id = per_cpu(x86_cpu_to_apicid, core->cpu);
		core->node = cpu_to_node(core->cpu);
		core->server = STILL_NO_CPU;
		owner_of[core->cpu] = os;
	}
	return 0;
}

void still_cpu_drop(struct still_os *os, u32 cpu)
{
	unsigned int i;

	owner_of[cpu] = NULL;
	for (i = 0; os->cores[i].cpu != cpu; i++)
		;
	memmove(&os->cores[i], &os->cores[i + 1], (os->num_cores - i - 1) * sizeof(os->cores[0]));
	os->num_cores--;
}

int still_cpu_check_owned(const struct still_os *os, struct still_cpu_list *list)
{
	int ret = check_list(list);
	u32 i;

	for (i = 0; !ret && i < list->count; i++)
		if (owner_of[list->cpu[i]] != os)
			ret = still_fail(list->text, -ENOENT,
					 "CPU %u does not belong to this instance", list->cpu[i]);
	return ret;
}

int still_cpu_unassign(struct still_os *os, struct still_cpu_list *list)
{
	int ret = still_cpu_check_owned(os, list);
	u32 i;

	if (ret)
		return ret;
	for (i = 0; i < list->count; i++)
		still_cpu_drop(os, list->cpu[i]);
	return 0;
}

void still_cpu_unassign_all(struct still_os *os)
{
	while (os->num_cores)
		still_cpu_drop(os, os->cores[os->num_cores - 1].cpu);
}

void still_cpu_release_all(void)
{
	unsigned int cpu;

	for_each_cpu(cpu, &reserved_mask)
		if (give_back(cpu))
			pr_err("stillcore: CPU %u does not come back online\n", cpu);
}
