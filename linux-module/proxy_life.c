// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process's beginning and end.
 *
 * A process's area (page and slots) is memory that the LWK uses, so it is freed only after the LWK has
 * answered PROC_RELEASE, or after its cores were stopped: a process that a dead LWK can't release waits
 * on os->zombies for still_procs_forget().
 */
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "ikc.h"
#include "mirror.h"
#include "os.h"
#include "peers.h"
#include "proxy.h"
#include "zap.h"

static void free_area(struct still_proc *proc)
{
	unsigned int i;

	if (!proc->area)
		return;
	for (i = 0; i < 1u << STILL_AREA_ORDER; i++)
		__free_page(proc->area + i); /* a page still in a VMA goes with that */
}

static void free_proc(struct kref *ref)
{
	struct still_proc *proc = container_of(ref, struct still_proc, ref);

	still_peers_put(proc);
	still_proxy_files_free(proc);
	still_slots_free(proc);
	free_area(proc);
	if (proc->own_exe)
		fput(proc->own_exe);
	if (proc->mm)
		mmdrop(proc->mm);
	put_pid(proc->tgid);
	still_os_put(proc->os);
	kfree(proc);
}

static void reap(struct work_struct *work);

struct still_proc *still_proc_new(struct still_os *os)
{
	struct still_proc *proc = kzalloc(sizeof(*proc), GFP_KERNEL);

	if (!proc)
		return NULL;
	kref_init(&proc->ref);
	proc->free = free_proc;
	still_os_get(os);
	proc->os = os;
	proc->dead = true;
	atomic_set(&proc->holders, 1);
	INIT_WORK(&proc->reap_work, reap);
	INIT_LIST_HEAD(&proc->zombie);
	mutex_init(&proc->lock);
	spin_lock_init(&proc->slot_lock);
	spin_lock_init(&proc->file_lock);
	spin_lock_init(&proc->fault_lock);
	init_waitqueue_head(&proc->pinnable_wait);
	still_mirror_init(proc);
	proc->files = kvcalloc(STILL_MAX_FILES, sizeof(*proc->files), GFP_KERNEL);
	if (!proc->files)
		goto fail;
	proc->area = alloc_pages(GFP_KERNEL | __GFP_ZERO, STILL_AREA_ORDER);
	if (!proc->area)
		goto fail;
	split_page(proc->area, STILL_AREA_ORDER); /* the slots are mapped page by page */
	proc->page = page_address(proc->area);
	if (still_slots_init(proc))
		goto fail;
	return proc;
fail:
	still_proc_put(proc);
	return NULL;
}

/* The caller's memory is where it is mapped from now on, and the caller whom it obeys. */
void still_proc_adopt(struct still_proc *proc)
{
	mmgrab(current->mm);
	proc->tgid = get_pid(task_tgid(current));
	proc->page->pid = task_tgid_vnr(current);
	proc->page->pid_namespace = task_active_pid_ns(current)->ns.inum;
	WRITE_ONCE(proc->mm, current->mm);
}

/* Out of the table, and freed if the LWK can't touch its area any more. */
static void forget(struct still_proc *proc, bool released)
{
	struct still_os *os = proc->os;
	bool zombie;

	spin_lock_irq(&os->procs_lock);
	WRITE_ONCE(proc->dead, true);
	if (os->procs[still_proc_index(proc)] == proc) {
		os->procs[still_proc_index(proc)] = NULL;
		os->num_procs--;
	}
	zombie = !released && os->cores_running;
	if (zombie)
		list_add(&proc->zombie, &os->zombies);
	spin_unlock_irq(&os->procs_lock);
	if (!zombie)
		still_proc_put(proc);
}

/* -EAGAIN: tasks are on their way out, or somebody in the LWK is still at work on it. */
static int release(struct still_proc *proc)
{
	struct still_msg msg = { .kind = STILL_MSG_PROC_RELEASE, .proc = proc->id };
	unsigned long pause = 50;
	int ret;

	for (;;) {
		ret = still_ikc_call(proc->os, still_ikc_pick_cpu(proc->os), &msg, NULL, false);
		if (ret != -EAGAIN)
			return ret;
		usleep_range(pause, 2 * pause);
		pause = min(2 * pause, 10000ul);
	}
}

/* Nobody holds it: no proxy thread, no descriptor, no mapping. */
static void reap(struct work_struct *work)
{
	struct still_proc *proc = container_of(work, struct still_proc, reap_work);
	bool was_dead = READ_ONCE(proc->dead);
	int ret = 0;

	still_mirror_stop(proc);
	still_peers_leave(proc);
	if (!was_dead && proc->stage >= STILL_STAGE_CREATED) {
		while (still_proc_alive(proc) && still_quarantine_process(proc))
			msleep(20);
		ret = release(proc);
	} else if (!was_dead) {
		ret = -EIO; /* PROC_CREATE had no answer */
	}
	/* Any answer means that the LWK does not use it. was_dead: its cores have been stopped since. */
	forget(proc, was_dead || ret != -EIO);
}

/*
 * Linux's parent learns of the CPU time that was spent on the LWK as it learns of Linux's own: the exiting or
 * executing process is given it before it becomes a zombie.
 */
static void account_cpu_time(struct still_proc *proc)
{
	struct still_msg msg = { .kind = STILL_MSG_CPU_TIME, .proc = proc->id };
	struct signal_struct *signal = current->signal;
	unsigned long flags;
	u64 ns = 0;

	if (task_tgid(current) != proc->tgid ||
	    still_ikc_call(proc->os, still_ikc_pick_cpu(proc->os), &msg, &ns, false) < 0)
		return;
	write_seqlock_irqsave(&signal->stats_lock, flags);
	signal->utime += ns;
	signal->sum_sched_runtime += ns;
	write_sequnlock_irqrestore(&signal->stats_lock, flags);
}

/* The device's file was closed, by exit, by SIGKILL or on purpose: its threads on the LWK stop now. */
void still_proc_closed(struct still_proc *proc)
{
	struct still_msg msg = { .kind = STILL_MSG_PROC_KILL, .proc = proc->id };

	WRITE_ONCE(proc->closed, true);
	still_peers_leave(proc);
	if (still_proc_alive(proc) && proc->stage >= STILL_STAGE_CREATED)
		still_ikc_send(proc->os, still_ikc_pick_cpu(proc->os), &msg);
	if (still_proc_alive(proc) && proc->stage >= STILL_STAGE_STARTED)
		account_cpu_time(proc);
	fput(proc->mm_file);
	still_proc_drop_holder(proc);
}

/* The LWK has died: whoever waits on its behalf is told, and blocked calls of proxies are interrupted. */
void still_procs_died(struct still_os *os)
{
	struct still_proc *proc;
	unsigned int index = 0;

	while ((proc = still_proc_next(os, &index))) {
		still_slots_end_waits(proc);
		still_proc_put(proc);
	}
}

/*
 * The cores are stopped and os->cores_running is false: no process of this boot means anything to an LWK.
 * Those still open stay in the table, marked, until their holders are gone.
 */
void still_procs_forget(struct still_os *os)
{
	struct still_proc *proc, *next;
	LIST_HEAD(zombies);
	unsigned int i;

	spin_lock_irq(&os->procs_lock);
	for (i = 0; i < STILL_MAX_PROCS; i++)
		if (os->procs[i])
			WRITE_ONCE(os->procs[i]->dead, true);
	list_splice_init(&os->zombies, &zombies);
	spin_unlock_irq(&os->procs_lock);
	list_for_each_entry_safe(proc, next, &zombies, zombie)
		still_proc_put(proc);
	still_procs_died(os);
	synchronize_rcu_expedited(); /* no walk of the LWK's page tables is under way any more */
}
