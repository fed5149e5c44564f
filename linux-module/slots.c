// SPDX-License-Identifier: GPL-2.0-only
/* The slots of a process: mapped by mcexec, waited on by its proxy threads, woken by the LWK. */
#include <linux/mm.h>
#include <linux/sched/jobctl.h>
#include <linux/pfn.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "compat.h"
#include "ikc.h"
#include "os.h"
#include "proxy.h"

static unsigned int chunk_slots(unsigned int chunk)
{
	return chunk ? STILL_MORE_SLOTS : STILL_PROC_SLOTS;
}

/* The chunk of a slot, and the slot's number in it; NULL if there is none. */
static struct still_slot_chunk *chunk_of(struct still_proc *proc, u32 slot, u32 *index)
{
	struct still_slot_chunk *chunk = &proc->chunks[0];

	*index = slot;
	if (slot >= STILL_PROC_SLOTS) {
		slot -= STILL_PROC_SLOTS;
		if (slot / STILL_MORE_SLOTS + 1 >= STILL_MAX_CHUNKS)
			return NULL;
		chunk = &proc->chunks[slot / STILL_MORE_SLOTS + 1];
		*index = slot % STILL_MORE_SLOTS;
	}
	return smp_load_acquire(&chunk->pages) ? chunk : NULL;
}

static struct still_slot *slot_of(struct still_proc *proc, u32 slot)
{
	struct still_slot_chunk *chunk = chunk_of(proc, slot, &slot);

	return chunk ? &chunk->slots[slot] : NULL;
}

static struct still_worker *worker_of(struct still_proc *proc, u32 slot)
{
	struct still_slot_chunk *chunk = chunk_of(proc, slot, &slot);

	return chunk ? &chunk->workers[slot] : NULL;
}

static struct still_worker *make_workers(unsigned int count)
{
	struct still_worker *workers = kvcalloc(count, sizeof(*workers), GFP_KERNEL);
	unsigned int i;

	for (i = 0; workers && i < count; i++)
		init_waitqueue_head(&workers[i].wait);
	return workers;
}

int still_slots_init(struct still_proc *proc)
{
	struct still_slot_chunk *chunk = &proc->chunks[0];

	chunk->workers = make_workers(chunk_slots(0));
	if (!chunk->workers)
		return -ENOMEM;
	chunk->slots = (void *)proc->page + PAGE_SIZE;
	chunk->pages = proc->area + 1;
	return 0;
}

static void free_chunk(struct page *pages, struct still_worker *workers)
{
	unsigned int i;

	for (i = 0; pages && i < 1u << STILL_CHUNK_ORDER; i++)
		__free_page(pages + i); /* a page still in a VMA goes with that */
	kvfree(workers);
}

static int grow(struct still_proc *proc, struct still_slot_chunk *chunk)
{
	struct still_worker *workers = make_workers(STILL_MORE_SLOTS);
	struct page *pages = alloc_pages(GFP_KERNEL | __GFP_ZERO, STILL_CHUNK_ORDER);
	bool first;

	if (pages)
		split_page(pages, STILL_CHUNK_ORDER); /* they are mapped page by page */
	if (!workers || !pages) {
		free_chunk(pages, workers);
		return -ENOMEM;
	}
	spin_lock_irq(&proc->slot_lock);
	first = !chunk->pages;
	if (first) {
		chunk->workers = workers;
		chunk->slots = page_address(pages);
		smp_store_release(&chunk->pages, pages);
	}
	spin_unlock_irq(&proc->slot_lock);
	if (!first)
		free_chunk(pages, workers);
	return 0;
}

/* Process context. */
void still_slots_grow(struct still_letter *letter)
{
	struct still_proc *proc = still_proc_find(letter->channel->os, letter->msg.proc);
	u64 index = letter->msg.arg[0];
	struct still_slot_chunk *chunk;
	u64 where = 0;
	int ret = -EINVAL;

	if (proc && index && index < STILL_MAX_CHUNKS) {
		chunk = &proc->chunks[index];
		ret = smp_load_acquire(&chunk->pages) ? 0 : grow(proc, chunk);
		if (!ret)
			where = PFN_PHYS(page_to_pfn(chunk->pages));
	}
	if (proc)
		still_proc_put(proc);
	still_ikc_reply(letter, ret, where);
}

static vm_fault_t slots_fault(struct vm_fault *vmf)
{
	struct still_proc *proc = vmf->vma->vm_private_data;
	u32 per_page = PAGE_SIZE / sizeof(struct still_slot), index;
	struct still_slot_chunk *chunk;

	if (vmf->pgoff >= STILL_MAX_SLOTS / per_page)
		return VM_FAULT_SIGBUS;
	chunk = chunk_of(proc, vmf->pgoff * per_page, &index);
	if (!chunk)
		return VM_FAULT_SIGBUS;
	vmf->page = chunk->pages + index / per_page;
	get_page(vmf->page);
	return 0;
}

static const struct vm_operations_struct slots_vm_ops = {
	.fault = slots_fault,
};

/* The device's file, which the mapping holds, holds the process. */
int still_slots_mmap(struct still_proc *proc, struct vm_area_struct *vma)
{
	BUILD_BUG_ON(PAGE_SIZE + STILL_PROC_SLOTS * sizeof(struct still_slot) !=
		     PAGE_SIZE << STILL_AREA_ORDER);
	BUILD_BUG_ON(STILL_MORE_SLOTS * sizeof(struct still_slot) != PAGE_SIZE
									     << STILL_CHUNK_ORDER);
	BUILD_BUG_ON(STILL_PROC_SLOTS % (PAGE_SIZE / sizeof(struct still_slot)));
	if (vma->vm_pgoff || !(vma->vm_flags & VM_SHARED) || (vma->vm_flags & VM_EXEC))
		return -EINVAL;
	if (current->mm != proc->mm)
		return -EPERM;
	vm_flags_set(vma, VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_private_data = proc;
	vma->vm_ops = &slots_vm_ops;
	return 0;
}

/* A new thread may take a slot over: the old one has ended, or is about to and does not touch it. */
int still_slot_attach(struct still_proc *proc, u32 slot)
{
	struct still_worker *worker = worker_of(proc, slot);
	struct task_struct *old;

	if (!worker)
		return -EINVAL;
	get_task_struct(current);
	spin_lock_irq(&proc->slot_lock);
	old = worker->task;
	worker->task = current;
	spin_unlock_irq(&proc->slot_lock);
	if (old)
		put_task_struct(old);
	return 0;
}

bool still_slot_is_mine(struct still_proc *proc, u32 slot)
{
	const struct still_worker *worker = worker_of(proc, slot);

	return worker && READ_ONCE(worker->task) == current;
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

	/* A vfork child stops alone: its proxy is stopped, so its next call waits. */
	if (READ_ONCE(proc->page->stopped) == stopped ||
	    (current->mm && task_tgid(current) != proc->tgid))
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
	struct still_slot *slot = slot_of(proc, wait->slot);
	int ret;

	if (!slot)
		return -EINVAL;
	still_proc_note_stop(proc, false); /* here we run */
	ret = wait_event_interruptible(worker_of(proc, wait->slot)->wait,
				       READ_ONCE(slot->seq) != wait->seen ||
					       !still_proc_alive(proc));
	if (!still_proc_alive(proc))
		return -EIO;
	if (ret && about_to_stop())
		still_proc_note_stop(proc, true);
	return ret ? -EINTR : 0;
}

/* asleep is the LWK's word in a page that mcexec can write. Where that CPU has gone any other wakes the thread. */
int still_slot_answered(struct still_proc *proc, u32 slot)
{
	struct still_msg msg = { .kind = STILL_MSG_SLOT_WAKE, .proc = proc->id, .arg = { slot } };
	const struct still_slot *shared = slot_of(proc, slot);
	u32 asleep;

	if (!shared)
		return -EINVAL;
	asleep = READ_ONCE(shared->asleep);
	if (!asleep)
		return 0;
	if (asleep > STILL_MAX_CPUS)
		return -EINVAL;
	if (asleep > READ_ONCE(proc->os->num_channels))
		asleep = 1;
	return still_ikc_send(proc->os, asleep - 1, &msg);
}

/* The next four run under procs_lock, so that the process can't go: they come from the doorbell. */
static struct still_proc *find_locked(struct still_os *os, const struct still_msg *msg)
{
	u32 index = msg->proc & 0xffff;
	struct still_proc *proc = index < STILL_MAX_PROCS ? os->procs[index] : NULL;

	if (proc && proc->id == msg->proc && msg->arg[0] < STILL_MAX_SLOTS &&
	    worker_of(proc, msg->arg[0]))
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
		wake_up(&worker_of(proc, msg->arg[0])->wait);
	spin_unlock_irqrestore(&os->procs_lock, flags);
}

static void interrupt(struct still_proc *proc, struct still_worker *worker)
{
	unsigned long flags;

	spin_lock_irqsave(&proc->slot_lock, flags);
	if (worker->task)
		send_sig_info(STILL_INTERRUPT_SIGNAL, SEND_SIG_PRIV, worker->task);
	spin_unlock_irqrestore(&proc->slot_lock, flags);
}

void still_slot_interrupt(struct still_os *os, const struct still_msg *msg)
{
	struct still_proc *proc;
	unsigned long flags;

	spin_lock_irqsave(&os->procs_lock, flags);
	proc = find_locked(os, msg);
	if (proc)
		interrupt(proc, worker_of(proc, msg->arg[0]));
	spin_unlock_irqrestore(&os->procs_lock, flags);
}

int still_slot_alike(struct still_os *os, const struct still_msg *msg)
{
	struct still_worker *parent, *spare;
	struct still_proc *proc;
	unsigned long flags;
	bool alike = false;

	spin_lock_irqsave(&os->procs_lock, flags);
	proc = find_locked(os, msg);
	spare = proc && msg->arg[1] < STILL_MAX_SLOTS ? worker_of(proc, msg->arg[1]) : NULL;
	if (spare) {
		parent = worker_of(proc, msg->arg[0]);
		spin_lock(&proc->slot_lock);
		alike = parent->task && spare->task && still_tasks_alike(spare->task, parent->task);
		spin_unlock(&proc->slot_lock);
	}
	spin_unlock_irqrestore(&os->procs_lock, flags);
	return alike ? 0 : -EINVAL;
}

void still_slots_end_waits(struct still_proc *proc)
{
	struct still_worker *worker;
	u32 slot;

	for (slot = 0; (worker = worker_of(proc, slot)); slot++) {
		wake_up(&worker->wait);
		interrupt(proc, worker);
	}
}

/* The first chunk's pages go with the process's area. */
void still_slots_free(struct still_proc *proc)
{
	struct still_slot_chunk *chunk;
	unsigned int i, slot;

	for (i = 0; i < STILL_MAX_CHUNKS; i++) {
		chunk = &proc->chunks[i];
		for (slot = 0; chunk->workers && slot < chunk_slots(i); slot++)
			if (chunk->workers[slot].task)
				put_task_struct(chunk->workers[slot].task);
		free_chunk(i ? chunk->pages : NULL, chunk->workers);
	}
}
