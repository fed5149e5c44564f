// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests to the LWK and their answers. A request lies on its asker's stack; the table maps its token to
 * it, and only under the table's lock may an answer touch it. When an asker has given up, the LWK still has
 * its request: the table keeps a value in its place, the number of the channel, until the answer comes.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/sched/signal.h>

#include "ikc.h"
#include "os.h"

struct call {
	struct completion done;
	struct still_channel *channel;
	s64 result;
	u64 arg[5];
};

/* args: behind the result, or NULL */
static void finish(struct still_os *os, unsigned long id, struct call *call, s64 result,
		   const u64 *args)
{
	call->result = result;
	if (args)
		memcpy(call->arg, args, sizeof(call->arg));
	__xa_erase(&os->calls, id);
	atomic_dec(&call->channel->calls);
	complete(&call->done);
}

void still_ikc_answered(struct still_channel *channel, const struct still_msg *reply)
{
	struct still_os *os = channel->os;
	unsigned long flags;
	struct call *call;
	void *entry;

	if (reply->token == STILL_TOKEN_PING) {
		WRITE_ONCE(channel->pinged, false);
		return;
	}
	xa_lock_irqsave(&os->calls, flags);
	entry = reply->token <= U32_MAX ? xa_load(&os->calls, reply->token) : NULL;
	call = xa_is_value(entry) ? NULL : entry;
	if (call && call->channel == channel) {
		finish(os, reply->token, call, (s64)reply->arg[0], &reply->arg[1]);
	} else if (!call && entry == xa_mk_value(channel->cpu)) {
		__xa_erase(&os->calls, reply->token);
		atomic_dec(&channel->calls);
	}
	xa_unlock_irqrestore(&os->calls, flags);
}

void still_ikc_fail_calls(struct still_os *os)
{
	unsigned long id, flags;
	void *entry;

	xa_lock_irqsave(&os->calls, flags);
	xa_for_each(&os->calls, id, entry) {
		if (xa_is_value(entry))
			__xa_erase(&os->calls, id);
		else
			finish(os, id, entry, -EIO, NULL);
	}
	xa_unlock_irqrestore(&os->calls, flags);
}

/* False: it was answered meanwhile. sent: the LWK has it, or had it. */
static bool give_up(struct still_os *os, u32 id, struct call *call, bool sent)
{
	unsigned long flags;
	bool mine;

	xa_lock_irqsave(&os->calls, flags);
	mine = xa_load(&os->calls, id) == call;
	if (mine && sent) {
		__xa_store(&os->calls, id, xa_mk_value(call->channel->cpu), GFP_ATOMIC);
	} else if (mine) {
		__xa_erase(&os->calls, id);
		atomic_dec(&call->channel->calls);
	}
	xa_unlock_irqrestore(&os->calls, flags);
	return mine;
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

/*
 * Sends the request and waits for its answer: 0 or more, or the LWK's error, -EIO when the LWK died, and
 * if killable -EINTR when the caller is being killed. There is no deadline: an LWK that does not answer is
 * declared dead by the watch. Not killable means that the LWK uses memory that the caller would free.
 * args: what came behind the result, or NULL.
 */
int still_ikc_ask(struct still_os *os, u32 cpu, struct still_msg *msg, u64 args[5], bool killable)
{
	struct call call = { .channel = &os->channels[cpu] };
	long left;
	int ret;
	u32 id;

	init_completion(&call.done);
	ret = enter(call.channel, killable);
	if (ret)
		return ret;
	ret = xa_alloc_cyclic_irq(&os->calls, &id, &call, XA_LIMIT(1, U32_MAX), &os->next_call,
				  GFP_KERNEL);
	if (ret < 0) {
		atomic_dec(&call.channel->calls);
		return ret;
	}
	msg->token = id;
	ret = still_ikc_send(os, cpu, msg);
	if (ret) {
		give_up(os, id, &call, false);
		return ret;
	}
	/* Death fails all calls that it finds in the table; look again in case ours came after that. */
	do {
		if (!still_os_check(os) && give_up(os, id, &call, false))
			return -EIO;
		if (killable)
			left = wait_for_completion_killable_timeout(&call.done, HZ);
		else
			left = wait_for_completion_io_timeout(&call.done, HZ);
		if (left == -ERESTARTSYS && give_up(os, id, &call, true))
			return -EINTR;
	} while (!left);
	/* left < 0 here: killed, but answered before we could give up. */
	if (args)
		memcpy(args, call.arg, sizeof(call.arg));
	return call.result < -MAX_ERRNO || call.result > INT_MAX ? -EIO : (int)call.result;
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
