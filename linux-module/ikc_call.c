// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests to the LWK and their answers. A request lies on its asker's stack; the channel's table maps its token to
 * it, and only under the table's lock may an answer touch it. When an asker has given up, the LWK still has its
 * request: its place stays taken until the answer comes. A request needs no memory: what is asked for may be that
 * the LWK lets go of some.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "ikc.h"
#include "os.h"

struct call {
	struct completion done;
	s64 result;
	u64 arg[5];
};

/* One of the STILL_MAX_CALLS that may be under way on a channel. */
struct still_pending {
	struct call *call; /* NULL: given up */
	u32 generation;    /* of the place: an old token finds nothing */
	bool is_taken;
};

/* The caller counted itself in: there is a free place. */
static u64 take_place(struct still_channel *channel, struct call *call)
{
	struct still_pending *place = channel->pending;
	unsigned long flags;
	u64 token;

	spin_lock_irqsave(&channel->call_lock, flags);
	while (place->is_taken)
		place++;
	*place = (struct still_pending){ call, place->generation + 1, true };
	token = (u64)place->generation << 32 | (place - channel->pending + 1);
	spin_unlock_irqrestore(&channel->call_lock, flags);
	return token;
}

/* call_lock held. */
static struct still_pending *place_of(struct still_channel *channel, u64 token)
{
	u32 number = (u32)token - 1;
	struct still_pending *place;

	if (number >= STILL_MAX_CALLS || !channel->pending)
		return NULL;
	place = &channel->pending[number];
	return place->is_taken && place->generation == token >> 32 ? place : NULL;
}

static void free_place(struct still_channel *channel, struct still_pending *place)
{
	place->is_taken = false;
	atomic_dec(&channel->calls);
}

/* args: behind the result, or NULL */
static void finish(struct still_channel *channel, struct still_pending *place, s64 result,
		   const u64 *args)
{
	struct call *call = place->call;

	free_place(channel, place);
	if (!call)
		return;
	call->result = result;
	if (args)
		memcpy(call->arg, args, sizeof(call->arg));
	complete(&call->done);
}

void still_ikc_answered(struct still_channel *channel, const struct still_msg *reply)
{
	struct still_pending *place;
	unsigned long flags;

	if (reply->token == STILL_TOKEN_PING) {
		WRITE_ONCE(channel->pinged, false);
		return;
	}
	spin_lock_irqsave(&channel->call_lock, flags);
	place = place_of(channel, reply->token);
	if (place)
		finish(channel, place, (s64)reply->arg[0], &reply->arg[1]);
	spin_unlock_irqrestore(&channel->call_lock, flags);
}

void still_ikc_fail_calls(struct still_os *os)
{
	unsigned long flags;
	unsigned int cpu, i;

	for (cpu = 0; cpu < os->num_channels; cpu++) {
		struct still_channel *channel = &os->channels[cpu];

		spin_lock_irqsave(&channel->call_lock, flags);
		for (i = 0; i < STILL_MAX_CALLS; i++)
			if (channel->pending[i].is_taken)
				finish(channel, &channel->pending[i], -EIO, NULL);
		spin_unlock_irqrestore(&channel->call_lock, flags);
	}
}

/* False: it was answered meanwhile. sent: the LWK has it, or had it. */
static bool give_up(struct still_channel *channel, u64 token, bool sent)
{
	struct still_pending *place;
	unsigned long flags;

	spin_lock_irqsave(&channel->call_lock, flags);
	place = place_of(channel, token);
	if (place && sent)
		place->call = NULL;
	else if (place)
		free_place(channel, place);
	spin_unlock_irqrestore(&channel->call_lock, flags);
	return place;
}

/* Once for each CPU that an instance ever had. */
int still_ikc_make_places(struct still_channel *channel)
{
	if (!channel->pending)
		channel->pending = kcalloc(STILL_MAX_CALLS, sizeof(*channel->pending), GFP_KERNEL);
	return channel->pending ? 0 : -ENOMEM;
}

/* At most STILL_MAX_CALLS are under way on a channel. */
static int enter(struct still_channel *channel, bool killable)
{
	while (!atomic_add_unless(&channel->calls, 1, STILL_MAX_CALLS)) {
		if (!still_os_check(channel->os))
			return -EIO;
		if (killable && fatal_signal_pending(current))
			return -EINTR;
		usleep_range(50, 200);
	}
	return 0;
}

typedef int send_fn(struct still_channel *channel, const struct still_msg *msg);

/* 0: it is answered. */
static int ask_on(struct still_channel *channel, struct still_msg *msg, struct call *call,
		  bool killable, send_fn *send)
{
	long left;
	int ret;

	init_completion(&call->done);
	ret = enter(channel, killable);
	if (ret)
		return ret;
	msg->token = take_place(channel, call);
	ret = send(channel, msg);
	if (ret) {
		give_up(channel, msg->token, false);
		return ret;
	}
	/* Death fails all calls that it finds in the table; look again in case ours came after that. */
	do {
		if (!still_os_check(channel->os) && give_up(channel, msg->token, false))
			return -EIO;
		if (killable)
			left = wait_for_completion_killable_timeout(&call->done, HZ);
		else
			left = wait_for_completion_io_timeout(&call->done, HZ);
		if (left == -ERESTARTSYS && give_up(channel, msg->token, true))
			return -EINTR;
	} while (!left);
	/* left < 0 here: killed, but answered before we could give up. */
	return 0;
}

/*
 * Sends the request and waits for its answer: 0 or more, or the LWK's error, -EIO when the LWK died, and
 * if killable -EINTR when the caller is being killed. There is no deadline: an LWK that does not answer is
 * declared dead by the watch. Not killable means that the LWK uses memory that the caller would free.
 * args: what came behind the result, or NULL.
 */
int still_ikc_ask(struct still_os *os, u32 cpu, struct still_msg *msg, u64 args[5], bool killable)
{
	struct call call = {};
	int ret = ask_on(&os->channels[cpu], msg, &call, killable, still_ikc_send_on);

	if (ret == -ESTALE)
		ret = ask_on(&os->channels[0], msg, &call, killable, still_ikc_send_on);
	if (ret)
		return ret;
	if (args)
		memcpy(args, call.arg, sizeof(call.arg));
	return call.result < -MAX_ERRNO || call.result > INT_MAX ? -EIO : (int)call.result;
}

/* The last request to a CPU. */
int still_ikc_call_last(struct still_channel *channel, struct still_msg *msg)
{
	struct call call = {};
	int ret = ask_on(channel, msg, &call, false, still_ikc_send_last);

	return ret ?: (int)call.result;
}

/* Of what comes behind the result only the first word. */
int still_ikc_call(struct still_os *os, u32 cpu, struct still_msg *msg, u64 *arg1, bool killable)
{
	u64 args[5];
	int ret = still_ikc_ask(os, cpu, msg, args, killable);

	if (ret >= 0 && arg1)
		*arg1 = args[0];
	return ret;
}
