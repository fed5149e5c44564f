// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sending. Any context may send; a full ring is answered with -EAGAIN, and whoever may sleep retries.
 * Replies, which come from threads that must not wait for the LWK, go to a backlog instead.
 */
#include <linux/delay.h>

#include "cores.h"
#include "ikc.h"
#include "os.h"

/* tx_lock held. 0, -EAGAIN: full, -EIO: the instance is down. */
static int push(struct still_channel *channel, const struct still_msg *msg)
{
	if (!channel->tx.ring)
		return -EIO;
	switch (still_ring_push(&channel->tx, (const struct still_cell *)msg)) {
	case STILL_RING_OK:
		return 0;
	case STILL_RING_FULL:
		return -EAGAIN;
	default:
		still_os_died(channel->os, STILL_OS_HUNGUP, "it scribbled over a ring");
		return -EIO;
	}
}

/* tx_lock held. What was held back goes first. True: the backlog is empty. */
static bool flush_backlog(struct still_channel *channel)
{
	struct still_letter *letter, *next;

	list_for_each_entry_safe(letter, next, &channel->backlog, list) {
		if (push(channel, &letter->msg) == -EAGAIN)
			return false;
		list_del(&letter->list);
		still_letter_put(letter);
	}
	return true;
}

/* tx_lock held. */
static bool must_ring(struct still_channel *channel)
{
	return channel->tx.ring && still_ring_must_notify(&channel->tx);
}

int still_ikc_try_send(struct still_channel *channel, const struct still_msg *msg)
{
	unsigned long flags;
	bool ring;
	int ret;

	spin_lock_irqsave(&channel->tx_lock, flags);
	ret = !channel->closed && flush_backlog(channel) ? push(channel, msg) : -EAGAIN;
	ring = must_ring(channel);
	spin_unlock_irqrestore(&channel->tx_lock, flags);
	if (ring)
		still_core_doorbell(channel->apic_id);
	return ret;
}

/* May sleep. Ends when there is room, with -ESTALE when that CPU goes, or when the LWK is dead, as the watch finds. */
int still_ikc_send_on(struct still_channel *channel, const struct still_msg *msg)
{
	int ret;

	while (still_os_check(channel->os)) {
		ret = still_ikc_try_send(channel, msg);
		if (ret != -EAGAIN)
			return ret;
		if (READ_ONCE(channel->closed))
			return -ESTALE;
		usleep_range(100, 300);
	}
	return -EIO;
}

/* Any CPU can serve it; that one shall, unless it goes. */
int still_ikc_send(struct still_os *os, u32 cpu, const struct still_msg *msg)
{
	int ret = still_ikc_send_on(&os->channels[cpu], msg);

	return ret == -ESTALE ? still_ikc_send_on(&os->channels[0], msg) : ret;
}

/* The channel's last message: whoever comes later finds it closed. */
int still_ikc_send_last(struct still_channel *channel, const struct still_msg *msg)
{
	bool ring;
	int ret;

	while (still_os_check(channel->os)) {
		spin_lock_irq(&channel->tx_lock);
		ret = flush_backlog(channel) ? push(channel, msg) : -EAGAIN;
		if (!ret)
			WRITE_ONCE(channel->closed, true);
		ring = must_ring(channel);
		spin_unlock_irq(&channel->tx_lock);
		if (ring)
			still_core_doorbell(channel->apic_id);
		if (ret != -EAGAIN)
			return ret;
		usleep_range(100, 300);
	}
	return -EIO;
}

void still_ikc_reopen(struct still_channel *channel)
{
	spin_lock_irq(&channel->tx_lock);
	WRITE_ONCE(channel->closed, false);
	spin_unlock_irq(&channel->tx_lock);
}

void still_ikc_reply(struct still_letter *letter, s64 result, u64 arg1)
{
	struct still_channel *channel = letter->channel;
	struct still_msg reply = {
		.kind = STILL_MSG_REPLY,
		.proc = letter->msg.proc,
		.token = letter->msg.token,
		.arg = { (u64)result, arg1 },
	};
	unsigned long flags;
	bool ring, later;
	int ret;

	letter->msg = reply;
	spin_lock_irqsave(&channel->tx_lock, flags);
	if (channel->closed) { /* who asked may be on any CPU by now */
		spin_unlock_irqrestore(&channel->tx_lock, flags);
		channel = &channel->os->channels[0];
		spin_lock_irqsave(&channel->tx_lock, flags);
	}
	ret = flush_backlog(channel) ? push(channel, &reply) : -EAGAIN;
	later = ret == -EAGAIN;
	if (later)
		list_add_tail(&letter->list, &channel->backlog);
	ring = must_ring(channel);
	spin_unlock_irqrestore(&channel->tx_lock, flags);
	if (ring)
		still_core_doorbell(channel->apic_id);
	if (later)
		queue_delayed_work(system_highpri_wq, &channel->os->flush_work, 1);
	else
		still_letter_put(letter);
}

void still_ikc_flush_work(struct work_struct *work)
{
	struct still_os *os = container_of(to_delayed_work(work), struct still_os, flush_work);
	bool done = true;
	unsigned int i;

	for (i = 0; i < os->num_channels; i++) {
		struct still_channel *channel = &os->channels[i];
		bool ring = false;

		spin_lock_irq(&channel->tx_lock);
		if (!list_empty(&channel->backlog)) {
			done &= flush_backlog(channel);
			ring = must_ring(channel);
		}
		spin_unlock_irq(&channel->tx_lock);
		if (ring)
			still_core_doorbell(channel->apic_id);
	}
	if (!done && READ_ONCE(os->alive))
		queue_delayed_work(system_highpri_wq, &os->flush_work, 1);
}

/* A CPU for a request that any CPU can serve: an idle one by its own word, else each in turn. */
u32 still_ikc_pick_cpu(struct still_os *os)
{
	u32 count = READ_ONCE(os->num_channels), first, i;

	if (!count)
		return 0;
	first = (u32)atomic_inc_return(&os->next_cpu) % count;
	for (i = 0; i < count; i++) {
		u32 cpu = (first + i) % count;

		if (READ_ONCE(os->shared->cpus[cpu].mode) == STILL_CPU_IDLE &&
		    !READ_ONCE(os->channels[cpu].closed))
			return cpu;
	}
	for (i = 0; i < count; i++) {
		u32 cpu = (first + i) % count;

		if (!still_cpu_is_in_user_mode(os, cpu) && !READ_ONCE(os->channels[cpu].closed))
			return cpu;
	}
	return READ_ONCE(os->channels[first].closed) ? 0 : first;
}

/* The LWK leaves a word for this (stillcore/shared.h); in user mode a CPU is not stuck. */
bool still_cpu_is_in_user_mode(const struct still_os *os, u32 cpu)
{
	u32 frame = READ_ONCE(os->shared->cpus[cpu].entry_frame);

	return frame && still_os_owns(os, frame, 1) &&
	       !READ_ONCE(((u64 *)__va(PFN_PHYS(frame)))[STILL_ENTRY_WORD]);
}
