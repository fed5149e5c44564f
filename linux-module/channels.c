// SPDX-License-Identifier: GPL-2.0-only
/* The channels of an instance: made with it, opened at its boot, closed when its cores are stopped. */
#include <linux/slab.h>

#include "ikc.h"
#include "os.h"

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
	INIT_DELAYED_WORK(&os->flush_work, still_ikc_flush_work);
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
