// SPDX-License-Identifier: GPL-2.0-only
/* The table of an instance's processes, and who holds one. */
#include <linux/slab.h>

#include "os.h"
#include "proxy.h"

static struct workqueue_struct *reaper;

int still_proxy_init(void)
{
	reaper = alloc_workqueue("still_reaper", WQ_UNBOUND, 0);
	return reaper ? 0 : -ENOMEM;
}

void still_proxy_exit(void)
{
	destroy_workqueue(reaper);
}

void still_proxy_flush(void)
{
	flush_workqueue(reaper);
}

/* Enters it into the table, which holds the reference that still_proc_new() returned. */
int still_proc_add(struct still_proc *proc)
{
	struct still_os *os = proc->os;
	unsigned long flags;
	unsigned int i;
	int ret = -EAGAIN; /* as for fork: too many processes */

	spin_lock_irqsave(&os->procs_lock, flags);
	if (!os->alive) {
		ret = -EIO;
		goto out;
	}
	for (i = 1; i < STILL_MAX_PROCS; i++) {
		if (os->procs[i])
			continue;
		if (!++os->generations[i])
			os->generations[i] = 1;
		proc->id = i | (u32)os->generations[i] << 16;
		proc->window = (u64)i << STILL_WINDOW_SHIFT;
		proc->dead = false;
		os->procs[i] = proc;
		os->num_procs++;
		ret = 0;
		break;
	}
out:
	spin_unlock_irqrestore(&os->procs_lock, flags);
	return ret;
}

struct still_proc *still_proc_find(struct still_os *os, u32 id)
{
	struct still_proc *proc = NULL;
	unsigned long flags;

	if ((id & 0xffff) >= STILL_MAX_PROCS)
		return NULL;
	spin_lock_irqsave(&os->procs_lock, flags);
	proc = os->procs[id & 0xffff];
	if (proc && proc->id == id && !proc->dead)
		kref_get(&proc->ref);
	else
		proc = NULL;
	spin_unlock_irqrestore(&os->procs_lock, flags);
	return proc;
}

/* Goes through the table: the first process at *index or behind it, referenced. */
struct still_proc *still_proc_next(struct still_os *os, unsigned int *index)
{
	struct still_proc *proc = NULL;

	spin_lock_irq(&os->procs_lock);
	for (; !proc && *index < STILL_MAX_PROCS; ++*index) {
		proc = os->procs[*index];
		if (proc)
			kref_get(&proc->ref);
	}
	spin_unlock_irq(&os->procs_lock);
	return proc;
}

/* The one whose proxy the caller belongs to, referenced; NULL: none of this instance. */
struct still_proc *still_proc_of_current(struct still_os *os)
{
	struct still_proc *proc;
	unsigned int i;

	spin_lock_irq(&os->procs_lock);
	for (i = 0; i < STILL_MAX_PROCS; i++) {
		proc = os->procs[i];
		if (proc && !proc->dead && proc->mm == current->mm) {
			kref_get(&proc->ref);
			break;
		}
	}
	spin_unlock_irq(&os->procs_lock);
	return i < STILL_MAX_PROCS ? proc : NULL;
}

bool still_proc_alive(const struct still_proc *proc)
{
	return !READ_ONCE(proc->dead) && READ_ONCE(proc->os->alive);
}

bool still_proc_in_app_range(const struct still_proc *proc, u64 start, u64 end)
{
	unsigned int i;

	for (i = 0; i < proc->page->num_app_ranges; i++)
		if (start >= proc->page->app[i].start && end <= proc->page->app[i].end)
			return start < end;
	return false;
}

/* Process context: the last one frees. */
void still_proc_put(struct still_proc *proc)
{
	kref_put(&proc->ref, proc->free);
}

void still_proc_drop_holder(struct still_proc *proc)
{
	if (atomic_dec_and_test(&proc->holders))
		queue_work(reaper, &proc->reap_work);
}
