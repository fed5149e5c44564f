// SPDX-License-Identifier: GPL-2.0-only
/*
 * fork: the proxy asks for a new process before it forks itself, so that all that can fail has not happened
 * yet; its child adopts it. Until then the new process belongs to nobody, and goes with its descriptors.
 */
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "ikc.h"
#include "os.h"
#include "proxy.h"

/* Sends PROC_CREATE or PROC_FORK, and makes the pseudo file. The process is in the table. */
int still_proc_introduce(struct still_proc *proc, struct still_msg *msg, struct file **file)
{
	struct still_os *os = proc->os;
	int ret;

	msg->proc = proc->id;
	msg->arg[0] = page_to_phys(proc->area);
	msg->arg[1] = STILL_PROC_SLOTS;
	for (;;) {
		ret = still_ikc_call(os, still_ikc_pick_cpu(os), msg, &proc->root, false);
		/* Its parent's memory is being changed just now, by somebody who may need Linux for it. */
		if (ret != -EAGAIN || msg->kind != STILL_MSG_PROC_FORK ||
		    fatal_signal_pending(current))
			break;
		usleep_range(50, 200);
	}
	if (ret < 0)
		return ret;
	proc->stage = msg->kind == STILL_MSG_PROC_FORK ? STILL_STAGE_STARTED : STILL_STAGE_CREATED;
	if ((proc->root & ~PAGE_MASK) || !still_os_owns(os, PHYS_PFN(proc->root), 1)) {
		atomic64_inc(&os->bad_messages);
		return -EIO;
	}
	*file = still_pseudo_open(proc);
	return PTR_ERR_OR_ZERO(*file);
}

/* As if its descriptor had been closed: what the LWK knows of it, it is told to forget. */
static void drop(struct still_proc *proc, int error)
{
	if (proc->stage == STILL_STAGE_NEW && error != -EIO)
		proc->dead = true; /* refused or never asked */
	still_proc_drop_holder(proc);
}

static struct still_proc *new_child(struct still_proc *parent)
{
	struct still_proc *child = still_proc_new(parent->os);
	int ret;

	if (!child)
		return ERR_PTR(-ENOMEM);
	*child->page = *parent->page;
	child->page->walkers = 0;
	child->page->pid = 0;
	child->page->flushed = 0;
	child->page->stopped = 0;
	child->page->ended = 0;
	/* The rank is its parent's, and the slots with it. */
	child->page->peers_group = 0;
	child->page->peers_rank = 0;
	child->page->peers_size = 0;
	child->page->peers_right = 0;
	still_proxy_files_copy(child, parent);
	mutex_lock(&parent->lock);
	if (parent->own_exe)
		child->own_exe = get_file(parent->own_exe);
	mutex_unlock(&parent->lock);
	ret = still_proc_add(child);
	if (!ret)
		return child;
	still_proc_put(child);
	return ERR_PTR(ret);
}

/* The two files of a child. Takes over the caller's hold on it. */
static int make_files(struct still_proc *child, struct still_msg *msg, struct file **device,
		      struct file **pseudo)
{
	int ret = still_proc_introduce(child, msg, pseudo);

	if (ret) {
		drop(child, ret);
		return ret;
	}
	*device = still_handle_open(child);
	if (!IS_ERR(*device)) {
		child->mm_file = get_file(*pseudo);
		return 0;
	}
	fput(*pseudo);
	drop(child, 0);
	return PTR_ERR(*device);
}

/*
 * Two free descriptors, also for a program that has as many as it may: natively its child needs none. For a moment
 * there is room for a few more, of which mcexec's hidden one may have the first; who sets the limit meanwhile is not
 * undone.
 */
static int get_descriptors(struct still_proc_fork *fds)
{
	unsigned long *limit = &current->signal->rlim[RLIMIT_NOFILE].rlim_cur;
	unsigned long old = READ_ONCE(*limit), more = old < INT_MAX ? old + 8 : old;

	cmpxchg(limit, old, more);
	fds->device_fd = get_unused_fd_flags(O_CLOEXEC);
	fds->mm_fd = get_unused_fd_flags(O_CLOEXEC);
	cmpxchg(limit, more, old);
	return fds->device_fd < 0 ? fds->device_fd : min(fds->mm_fd, 0);
}

int still_proxy_fork(struct still_proc *parent, struct still_proc_fork __user *arg)
{
	struct still_msg msg = {
		.kind = STILL_MSG_PROC_FORK,
		.arg = { [2] = parent->id, [3] = task_pid_vnr(current) },
	};
	struct still_proc_fork fds = { -1, -1 };
	struct file *device, *pseudo;
	struct still_proc *child;
	int ret;

	if (parent->stage != STILL_STAGE_STARTED)
		return -EBADFD;
	ret = get_descriptors(&fds);
	if (!ret && copy_to_user(arg, &fds, sizeof(fds)))
		ret = -EFAULT;
	if (!ret) {
		child = new_child(parent);
		ret = IS_ERR(child) ? PTR_ERR(child) : make_files(child, &msg, &device, &pseudo);
	}
	if (!ret) {
		fd_install(fds.device_fd, device);
		fd_install(fds.mm_fd, pseudo);
		return 0;
	}
	if (fds.device_fd >= 0)
		put_unused_fd(fds.device_fd);
	if (fds.mm_fd >= 0)
		put_unused_fd(fds.mm_fd);
	return ret;
}

/* The descriptor is the proof: only what the parent forked has it. */
int still_proxy_adopt(struct still_proc *proc)
{
	int ret = -EBADFD;

	mutex_lock(&proc->lock);
	if (!proc->mm) {
		still_proc_adopt(proc);
		ret = 0;
	}
	mutex_unlock(&proc->lock);
	return ret;
}
