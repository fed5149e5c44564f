// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls that Linux serves for the LWK's threads and has not finished. How long each one takes is seen once a second:
 * the slots carry no times.
 */
#include <linux/jiffies.h>
#include <linux/uaccess.h>

#include "os.h"
#include "proxy.h"
#include "waiting.h"

typedef int visit_fn(struct still_proc *proc, struct still_slot *slot, struct still_worker *worker,
		     void *data);

static int visit_slots(struct still_os *os, visit_fn *visit, void *data)
{
	struct still_proc *proc;
	unsigned int index = 0, chunk, i;
	int ret = 0;

	while (!ret && (proc = still_proc_next(os, &index))) {
		for (chunk = 0; !ret && chunk < STILL_MAX_CHUNKS; chunk++) {
			struct still_slot_chunk *slots = &proc->chunks[chunk];

			if (!smp_load_acquire(&slots->pages))
				continue;
			for (i = 0; !ret && i < (chunk ? STILL_MORE_SLOTS : STILL_PROC_SLOTS); i++)
				if (READ_ONCE(slots->slots[i].tid))
					ret = visit(proc, &slots->slots[i], &slots->workers[i],
						    data);
		}
		still_proc_put(proc);
	}
	return ret;
}

static bool is_unanswered(const struct still_slot *slot)
{
	return READ_ONCE(slot->seq) != READ_ONCE(slot->answer_seq);
}

static int note(struct still_proc *proc, struct still_slot *slot, struct still_worker *worker,
		void *data)
{
	u32 seq = READ_ONCE(slot->seq);

	if (!is_unanswered(slot) || worker->seen_seq == seq)
		return 0;
	worker->seen_seq = seq;
	worker->seen_at = jiffies;
	return 0;
}

/* Once a second. */
void still_note_waiting(struct still_os *os)
{
	visit_slots(os, note, NULL);
}

static int list_call(struct still_proc *proc, struct still_slot *slot, struct still_worker *worker,
		     void *data)
{
	struct still_calls *calls = data;
	struct still_waiting_call __user *to = u64_to_user_ptr(calls->buffer);
	struct still_waiting_call call = {
		.pid = proc->page->pid,
		.tid = READ_ONCE(slot->tid),
		.nr = READ_ONCE(slot->nr) & ~(STILL_CALL_BLOCKS_TTIN | STILL_CALL_BLOCKS_TTOU),
	};

	if (!is_unanswered(slot))
		return 0;
	if (worker->seen_seq == READ_ONCE(slot->seq))
		call.seconds = (jiffies - worker->seen_at) / HZ;
	if (calls->count < calls->space && copy_to_user(&to[calls->count], &call, sizeof(call)))
		return -EFAULT;
	calls->count++;
	return 0;
}

int still_list_waiting(struct still_os *os, struct still_calls *calls)
{
	calls->count = 0;
	return visit_slots(os, list_call, calls);
}
