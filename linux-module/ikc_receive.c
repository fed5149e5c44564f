// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receiving, in the doorbell's interrupt. What only wakes or signals somebody is done at once; all else
 * goes to a thread: zaps to the zapper (zap.c), file reads to a workqueue.
 */
#include "cuts.h"
#include "ikc.h"
#include "mirror.h"
#include "os.h"
#include "proxy.h"
#include "zap.h"

#define BATCH 256 /* messages of one CPU in one interrupt; the rest is left to a worker */

static void bad_message(struct still_letter *letter)
{
	atomic64_inc(&letter->channel->os->bad_messages);
	if (letter->msg.token)
		still_ikc_reply(letter, -EINVAL, 0);
	else
		still_letter_put(letter);
}

/* Process context, one of the workers. */
static void work_on(struct work_struct *work)
{
	struct still_letter *letter = container_of(work, struct still_letter, work);

	if (letter->msg.kind == STILL_MSG_FILL) {
		still_proxy_fill(letter);
	} else if (letter->msg.kind == STILL_MSG_FILE_KEY) {
		still_proxy_file_key(letter);
	} else if (letter->msg.kind == STILL_MSG_SLOTS_GROW) {
		still_slots_grow(letter);
	} else if (letter->msg.kind == STILL_MSG_MIRROR) {
		still_mirror_serve(letter);
	} else if (letter->msg.kind == STILL_MSG_CUTS_TOLD) {
		still_cuts_told(letter);
	} else {
		still_proxy_file_close(letter->channel->os, &letter->msg);
		still_letter_put(letter);
	}
}

/* rx_lock held. Takes the letter over. */
static void deliver(struct still_channel *channel, struct still_letter *letter)
{
	struct still_os *os = channel->os;
	const struct still_msg *msg = &letter->msg;

	switch (msg->kind) {
	case STILL_MSG_REPLY:
		still_ikc_answered(channel, msg);
		break;
	case STILL_MSG_PROXY_WAKE:
		still_slot_wake(os, msg);
		break;
	case STILL_MSG_PROXY_INTERRUPT:
		still_slot_interrupt(os, msg);
		break;
	case STILL_MSG_SIGNAL_NEWS:
		still_signal_news(os, msg->arg[0]);
		break;
	case STILL_MSG_PROXY_ALIKE:
		still_ikc_reply(letter, still_slot_alike(os, msg), 0);
		return;
	case STILL_MSG_ZAP:
		still_zap_queue(os, letter);
		return;
	case STILL_MSG_FILL:
	case STILL_MSG_FILE_KEY:
	case STILL_MSG_SLOTS_GROW:
	case STILL_MSG_FILE_CLOSE:
	case STILL_MSG_CUTS_TOLD:
		INIT_WORK(&letter->work, work_on);
		queue_work(os->workers, &letter->work);
		return;
	case STILL_MSG_MIRROR:
		INIT_WORK(&letter->work, work_on);
		queue_work(os->mirror_workers, &letter->work);
		return;
	default:
		bad_message(letter);
		return;
	}
	still_letter_put(letter);
}

/* True: there may be more, and no doorbell will announce it. */
static bool drain_channel(struct still_channel *channel)
{
	struct still_letter *letter;
	unsigned long flags;
	struct still_ring *ring = READ_ONCE(channel->rx.ring);
	bool more = false;
	int count;

	/* Nothing is there: whoever puts something there later rings, or another CPU that is at it here will see it. */
	if (!ring || READ_ONCE(ring->tail) == READ_ONCE(channel->rx.index))
		return false;
	spin_lock_irqsave(&channel->rx_lock, flags);
	if (!channel->rx.ring)
		goto out;
	still_ring_awake(&channel->rx);
	for (count = 0;;) {
		if (count == BATCH) {
			more = true;
			break;
		}
		letter = still_letter_get(channel);
		if (!letter) /* asleep stays clear; the next letter put back drains again */
			break;
		switch (still_ring_pop(&channel->rx, (struct still_cell *)&letter->msg)) {
		case STILL_RING_OK:
			deliver(channel, letter);
			count++;
			continue;
		case STILL_RING_EMPTY:
			still_letter_put(letter);
			if (still_ring_sleep(&channel->rx))
				goto out;
			still_ring_awake(&channel->rx);
			continue;
		default:
			still_letter_put(letter);
			still_os_died(channel->os, STILL_OS_HUNGUP, "it scribbled over a ring");
			goto out;
		}
	}
out:
	spin_unlock_irqrestore(&channel->rx_lock, flags);
	return more;
}

void still_ikc_drain(struct still_os *os)
{
	unsigned int i;
	bool more = false;

	for (i = 0; i < READ_ONCE(os->num_channels); i++)
		more |= drain_channel(&os->channels[i]);
	if (more)
		queue_work(system_highpri_wq, &os->drain_work);
}

void still_ikc_drain_work(struct work_struct *work)
{
	still_ikc_drain(container_of(work, struct still_os, drain_work));
}
