// SPDX-License-Identifier: GPL-2.0-only
/* The slots of a process: mapped by mcexec, waited on by its proxy threads, woken by the LWK. */
#include <linux/mm.h>
#include <linux/sched/jobctl.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "compat.h"
#include "ikc.h"
#include "os.h"
#include "proxy.h"

int still_slots_mmap(struct still_proc *proc, struct vm_area_struct *vma)
{
	const unsigned long pages = (1ul << STILL_AREA_ORDER) - 1;
	unsigned long i;
	int ret;

	if (vma->vm_pgoff || vma_pages(vma) > pages || !(vma->vm_flags & VM_SHARED) ||
	    (vma->vm_flags & VM_EXEC))
		return -EINVAL;
	if (current->mm != proc->mm)
		return -EPERM;
	vm_flags_set(vma, VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP);
	for (i = 0; i < vma_pages(vma); i++) {
		ret = vm_insert_page(vma, vma->vm_start + i * PAGE_SIZE, proc->area + 1 + i);
		if (ret)
			return ret;
	}
	return 0;
}

/* A new thread may take a slot over: the old one has ended, or is about to and does not touch it. */
int still_slot_attach(struct still_proc *proc, u32 slot)
{
	struct task_struct *old;

	if (slot >= STILL_PROC_SLOTS)
		return -EINVAL;
	get_task_struct(current);
	spin_lock_irq(&proc->slot_lock);
	old = proc->workers[slot].task;
	proc->workers[slot].task = current;
	spin_unlock_irq(&proc->slot_lock);
	if (old)
		put_task_struct(old);
	return 0;
}

bool still_slot_is_mine(struct still_proc *proc, u32 slot)
{
	return READ_ONCE(proc->workers[slot].task) == current;
}

/* On its way to a stop of job control: this thread took the signal or is asked to join. */
static bool about_to_stop(void)
{
	return (READ_ONCE(current->jobctl) & JOBCTL_STOP_PENDING) ||
	       sigismember(&current->pending.signal, SIGSTOP) ||
	       sigismember(&current->signal->shared_pending.signal, SIGSTOP);
}

/*
 * SIGSTOP can't be caught, so a proxy thread that waits here for its LWK thread is where the stop is seen
 * first; the watch finds what that misses. Whoever runs takes it back.
 */
void still_proc_note_stop(struct still_proc *proc, bool stopped)
{
	struct still_msg msg = { .kind = STILL_MSG_PROC_STOP, .proc = proc->id };

	if (READ_ONCE(proc->page->stopped) == stopped)
		return;
	WRITE_ONCE(proc->page->stopped, stopped);
	still_ikc_send(proc->os, still_ikc_pick_cpu(proc->os), &msg);
}

/* Once a second: proxies that were stopped while none of their threads waited for the LWK. */
void still_procs_watch_stops(struct still_os *os)
{
	struct still_proc *proc;
	struct task_struct *task;
	unsigned int index = 0;
	bool stopped;

	while ((proc = still_proc_next(os, &index))) {
		rcu_read_lock();
		task = pid_task(proc->tgid, PIDTYPE_TGID);
		stopped = task && (READ_ONCE(task->signal->flags) & SIGNAL_STOP_STOPPED);
		rcu_read_unlock();
		if (stopped && still_proc_alive(proc) && proc->stage == STILL_STAGE_STARTED)
			still_proc_note_stop(proc, true);
		still_proc_put(proc);
	}
}

int still_slot_sleep(struct still_proc *proc, const struct still_slot_wait *wait)
{
	struct still_slot *slot;
	int ret;

	if (wait->slot >= STILL_PROC_SLOTS)
		return -EINVAL;
	slot = &proc->slots[wait->slot];
	still_proc_note_stop(proc, false); /* here we run */
	ret = wait_event_interruptible(proc->workers[wait->slot].wait,
				       READ_ONCE(slot->seq) != wait->seen ||
					       !still_proc_alive(proc));
	if (!still_proc_alive(proc))
		return -EIO;
	if (ret && about_to_stop())
		still_proc_note_stop(proc, true);
	return ret ? -EINTR : 0;
}

/* asleep is the LWK's word in a page that mcexec can write: believed as far as the number of CPUs. */
int still_slot_answered(struct still_proc *proc, u32 slot)
{
	struct still_msg msg = { .kind = STILL_MSG_SLOT_WAKE, .proc = proc->id, .arg = { slot } };
	u32 asleep;

	if (slot >= STILL_PROC_SLOTS)
		return -EINVAL;
	asleep = READ_ONCE(proc->slots[slot].asleep);
	if (!asleep)
		return 0;
	if (asleep > proc->os->num_channels)
		return -EINVAL;
	return still_ikc_send(proc->os, asleep - 1, &msg);
}

/* The next three run under procs_lock, so that the process can't go: they come from the doorbell. */
static struct still_proc *find_locked(struct still_os *os, const struct still_msg *msg)
{
	u32 index = msg->proc & 0xffff;
	struct still_proc *proc = index < STILL_MAX_PROCS ? os->procs[index] : NULL;

	if (proc && proc->id == msg->proc && msg->arg[0] < STILL_PROC_SLOTS)
		return proc;
	atomic64_inc(&os->bad_messages);
	return NULL;
}

void still_slot_wake(struct still_os *os, const struct still_msg *msg)
{
	struct still_proc *proc;
	unsigned long flags;

	spin_lock_irqsave(&os->procs_lock, flags);
	proc = find_locked(os, msg);
	if (proc)
		wake_up(&proc->workers[msg->arg[0]].wait);
	spin_unlock_irqrestore(&os->procs_lock, flags);
}

static void interrupt(struct still_proc *proc, u32 slot)
{
	unsigned long flags;

	spin_lock_irqsave(&proc->slot_lock, flags);
	if (proc->workers[slot].task)
		send_sig_info(STILL_INTERRUPT_SIGNAL, SEND_SIG_PRIV, proc->workers[slot].task);
	spin_unlock_irqrestore(&proc->slot_lock, flags);
}

void still_slot_interrupt(struct still_os *os, const struct still_msg *msg)
{
	struct still_proc *proc;
	unsigned long flags;

	spin_lock_irqsave(&os->procs_lock, flags);
	proc = find_locked(os, msg);
	if (proc)
		interrupt(proc, msg->arg[0]);
	spin_unlock_irqrestore(&os->procs_lock, flags);
}

void still_slots_end_waits(struct still_proc *proc)
{
	u32 slot;

	for (slot = 0; slot < STILL_PROC_SLOTS; slot++) {
		wake_up(&proc->workers[slot].wait);
		interrupt(proc, slot);
	}
}

void still_slots_free(struct still_proc *proc)
{
	u32 slot;

	for (slot = 0; proc->workers && slot < STILL_PROC_SLOTS; slot++)
		if (proc->workers[slot].task)
			put_task_struct(proc->workers[slot].task);
	kvfree(proc->workers);
}
