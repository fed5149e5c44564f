// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sending. Any context may send; a full ring is answered with -EAGAIN, and whoever may sleep retries.
 * Replies, which come from threads that must not wait for the LWK, go to a backlog instead.
 */
#include <linux/delay.h>
#include <linux/slab.h>

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

static void flush_backlogs(struct work_struct *work)
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

/* Once for each instance. */
int still_ikc_create(struct still_os *os)
{
	unsigned int i;

	os->channels = kvcalloc(STILL_MAX_CPUS, sizeof(*os->channels), GFP_KERNEL);
	if (!os->channels)
		return -ENOMEM;
	for (i = 0; i < STILL_MAX_CPUS; i++) {
		struct still_channel *channel = &os->channels[i];

		channel->os = os;
		channel->cpu = i;
		spin_lock_init(&channel->tx_lock);
		spin_lock_init(&channel->rx_lock);
		spin_lock_init(&channel->call_lock);
		INIT_LIST_HEAD(&channel->backlog);
	}
	spin_lock_init(&os->letter_lock);
	INIT_LIST_HEAD(&os->free_letters);
	INIT_WORK(&os->drain_work, still_ikc_drain_work);
	INIT_DELAYED_WORK(&os->flush_work, flush_backlogs);
	return 0;
}

static void destroy_workers(struct still_os *os)
{
	if (os->workers)
		destroy_workqueue(os->workers);
	if (os->mirror_workers)
		destroy_workqueue(os->mirror_workers);
	os->workers = NULL;
	os->mirror_workers = NULL;
}

static void open_channel(struct still_channel *channel, struct still_ring_pair *pair)
{
	channel->apic_id = channel->os->cores[channel->cpu].apic_id;
	channel->pinged = false;
	channel->asked = false;
	channel->suspect = 0;
	channel->same_entries = 0;
	channel->condition = STILL_CONDITION_FINE;
	channel->rip = 0;
	still_ring_init(&pair->to_lwk);
	still_ring_init(&pair->to_linux);
	channel->tx.index = 0;
	channel->rx.index = 0;
	channel->tx.ring = &pair->to_lwk;
	channel->rx.ring = &pair->to_linux;
	channel->closed = false;
}

/* For a CPU that comes: what it needs, the next channel, which is in use from still_ikc_begin() on. NULL: no memory. */
struct still_channel *still_ikc_prepare(struct still_os *os)
{
	struct still_channel *channel = &os->channels[os->num_channels];

	if (still_ikc_make_places(channel))
		return NULL;
	if (!channel->own_pair)
		channel->own_pair = alloc_pages_exact(sizeof(*channel->own_pair),
						      GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN);
	if (!channel->own_pair)
		return NULL;
	spin_lock_irq(&channel->rx_lock);
	spin_lock(&channel->tx_lock);
	open_channel(channel, channel->own_pair);
	spin_unlock(&channel->tx_lock);
	spin_unlock_irq(&channel->rx_lock);
	return channel;
}

void still_ikc_begin(struct still_channel *channel)
{
	struct still_os *os = channel->os;

	smp_store_release(&os->num_channels, channel->cpu + 1);
	still_ikc_drain(os); /* what it has sent meanwhile */
}

/* It did not come. */
void still_ikc_discard(struct still_channel *channel)
{
	spin_lock_irq(&channel->tx_lock);
	WRITE_ONCE(channel->closed, true);
	spin_unlock_irq(&channel->tx_lock);
}

/* Its CPU has sent its last message. The rings stay until the instance goes down: somebody may look at them. */
void still_ikc_end(struct still_channel *channel)
{
	still_ikc_drain(channel->os);
	WRITE_ONCE(channel->os->num_channels, channel->cpu);
}

int still_ikc_start(struct still_os *os)
{
	struct still_ring_pair *pairs = os->rings_area.va;
	unsigned int i;
	int ret;

	for (i = 0; i < os->num_cores; i++)
		if (still_ikc_make_places(&os->channels[i]))
			return -ENOMEM;
	ret = still_letters_init(os);
	if (ret)
		return ret;
	os->workers = alloc_workqueue("still%d", WQ_UNBOUND | WQ_HIGHPRI, 0, os->index);
	/* Of their own: they may wait for an mmap_lock whose holder waits for a FILL. */
	os->mirror_workers =
		alloc_workqueue("still%d_mirror", WQ_UNBOUND | WQ_HIGHPRI, 0, os->index);
	if (!os->workers || !os->mirror_workers) {
		destroy_workers(os);
		still_letters_free(os);
		return -ENOMEM;
	}
	for (i = 0; i < os->num_cores; i++)
		open_channel(&os->channels[i], &pairs[i]);
	WRITE_ONCE(os->num_channels, os->num_cores);
	return 0;
}

/*
 * The cores are stopped, the doorbell is gone, os->alive is false: nothing arrives any more. Senders find
 * no ring from here on, waiters get -EIO, and the rings' memory is free afterwards.
 */
void still_ikc_stop(struct still_os *os)
{
	struct still_letter *letter, *next;
	unsigned int i;

	if (!os->workers)
		return;
	for (i = 0; i < STILL_MAX_CPUS; i++) { /* those of CPUs that have gone, too */
		struct still_channel *channel = &os->channels[i];

		spin_lock_irq(&channel->rx_lock);
		channel->rx.ring = NULL;
		spin_unlock_irq(&channel->rx_lock);
		spin_lock_irq(&channel->tx_lock);
		channel->tx.ring = NULL;
		spin_unlock_irq(&channel->tx_lock);
	}
	still_ikc_fail_calls(os);
	cancel_work_sync(&os->drain_work);
	destroy_workers(os);
	cancel_delayed_work_sync(&os->flush_work);
	for (i = 0; i < os->num_channels; i++)
		list_for_each_entry_safe(letter, next, &os->channels[i].backlog, list) {
			list_del(&letter->list);
			still_letter_put(letter);
		}
	cancel_work_sync(&os->drain_work); /* the putting may have asked for it once more */
	still_letters_free(os);
	for (i = 0; i < STILL_MAX_CPUS; i++) {
		if (os->channels[i].own_pair)
			free_pages_exact(os->channels[i].own_pair,
					 sizeof(*os->channels[i].own_pair));
		os->channels[i].own_pair = NULL;
	}
}

void still_ikc_destroy(struct still_os *os)
{
	unsigned int i;

	for (i = 0; i < STILL_MAX_CPUS && os->channels; i++)
		kfree(os->channels[i].pending);
	kvfree(os->channels);
}
