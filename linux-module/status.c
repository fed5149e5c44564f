// SPDX-License-Identifier: GPL-2.0-only
/* What can be seen of an instance, at any time and in any state. None of it is trusted further. */
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/tsc.h>

#include <stillcore/peers.h>

#include "os.h"

static int copy_cpus(struct still_os *os, struct still_status *status)
{
	struct still_os_cpu __user *to = u64_to_user_ptr(status->cpus);
	u32 i, count = min(status->cpu_space, status->num_cpus);
	int ret = 0;

	for (i = 0; !ret && i < count; i++) {
		struct still_os_cpu cpu = {
			.linux_cpu = os->cores[i].cpu,
			.apic_id = os->cores[i].apic_id,
			.node = os->cores[i].node,
			.condition = READ_ONCE(os->channels[i].condition),
			.condition_seconds = READ_ONCE(os->channels[i].suspect),
			.condition_rip = READ_ONCE(os->channels[i].rip),
		};

		memcpy(&cpu.counters, &os->shared->cpus[i], sizeof(cpu.counters));
		if (copy_to_user(&to[i], &cpu, sizeof(cpu)))
			ret = -EFAULT;
	}
	return ret;
}

int still_status(struct still_os *os, struct still_status *status)
{
	struct still_shared *shared = os->shared;
	unsigned int i;

	status->state = READ_ONCE(os->state);
	status->num_cpus = READ_ONCE(os->num_cores);
	status->num_processes = READ_ONCE(os->num_procs);
	status->peers_shift = os->far_slots ? STILL_PEERS_SHIFT_5 : STILL_PEERS_SHIFT;
	status->tsc_khz = tsc_khz;
	status->tsc_now = rdtsc_ordered();
	status->doorbells = atomic64_read(&os->doorbells);
	status->bad_messages = atomic64_read(&os->bad_messages);
	status->quarantined = READ_ONCE(os->num_quarantined);
	status->zaps = atomic64_read(&os->zaps);
	status->faults = atomic64_read(&os->faults);
	for (i = 0; i < ARRAY_SIZE(os->tries); i++)
		status->tries[i] = atomic64_read(&os->tries[i]);
	status->lost_tries = atomic64_read(&os->lost_tries);
	status->fault_ins = atomic64_read(&os->fault_ins);
	status->fills = atomic64_read(&os->fills);
	status->log_head = READ_ONCE(os->log->head);
	status->kept = READ_ONCE(shared->kept);
	status->cached = READ_ONCE(shared->cached);
	status->oom_kills = READ_ONCE(shared->oom_kills);
	memset(status->nodes, 0, sizeof(status->nodes));
	for (i = 0; i < os->num_nodes; i++) /* the LWK counts its own nodes */
		status->nodes[os->nodes[i]] = shared->nodes[i];
	memset(status->panic_text, 0, sizeof(status->panic_text));
	if (status->state == STILL_OS_PANIC)
		strscpy(status->panic_text, shared->panic_text,
			min(sizeof(status->panic_text), sizeof(shared->panic_text)));
	else if (status->state == STILL_OS_HUNGUP)
		strscpy(status->panic_text, os->death, sizeof(status->panic_text));
	return copy_cpus(os, status);
}

/*
 * [from, from + count) of the log. The writer may overtake us: what it did overtake is not returned. Who begins (from
 * 0) begins behind what was cleared; who follows misses nothing.
 */
int still_kmsg(struct still_os *os, struct still_kmsg *kmsg)
{
	const char *data = (const char *)(os->log + 1);
	u64 capacity = os->log->capacity, head, from, count, done, part;
	int tries;

	capacity = min_t(u64, capacity, 512ul << 10); /* it is the LWK's to scribble over */
	if (!is_power_of_2(capacity))
		return -EIO;
	for (tries = 0; tries < 4; tries++) {
		head = smp_load_acquire(&os->log->head);
		from = kmsg->from ?: READ_ONCE(os->log_cleared);
		if (head > capacity)
			from = max(from, head - capacity);
		from = min(from, head);
		count = min(kmsg->size, head - from);
		for (done = 0; done < count; done += part) {
			u64 at = (from + done) & (capacity - 1);

			part = min(count - done, capacity - at);
			if (copy_to_user(u64_to_user_ptr(kmsg->buffer + done), data + at, part))
				return -EFAULT;
		}
		smp_rmb();
		head = READ_ONCE(os->log->head);
		if (head - from <= capacity)
			break;
	}
	kmsg->from = from;
	kmsg->size = count;
	return 0;
}

int still_clear_kmsg(struct still_os *os)
{
	WRITE_ONCE(os->log_cleared, READ_ONCE(os->log->head));
	return 0;
}
