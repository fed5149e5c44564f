// SPDX-License-Identifier: GPL-2.0-only
/* mcexec's ioctls. Each argument is checked here, since the LWK reads still_proc_page as the truth. */
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/io.h>
#include <linux/mman.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/uaccess.h>
#include <asm/tsc.h>

#include "ikc.h"
#include "os.h"
#include "peers.h"
#include "proxy.h"
#include "proxy_mm.h"

/* The program's ranges end where Linux's user addresses do. */
#define USER_END TASK_SIZE_MAX

static int copy_app_ranges(struct still_proc_page *page, const struct still_proc_create *request)
{
	u64 last = PAGE_SIZE; /* the first page stays empty: NULL */
	u32 i;

	if (!request->num_app_ranges || request->num_app_ranges > STILL_MAX_APP_RANGES)
		return -EINVAL;
	for (i = 0; i < request->num_app_ranges; i++) {
		const struct still_range *range = &request->app[i];

		if (((range->start | range->end) & ~PAGE_MASK) || range->start < last ||
		    range->end <= range->start || range->end > USER_END)
			return -EINVAL;
		last = range->end;
		page->app[i] = *range;
	}
	page->num_app_ranges = request->num_app_ranges;
	return 0;
}

static int copy_cpu_mask(struct still_proc_page *page, const struct still_proc_create *request,
			 unsigned int num_cpus)
{
	bool any = false;
	unsigned int cpu;

	for (cpu = 0; cpu < STILL_MAX_CPUS; cpu++) {
		if (!(request->cpu_mask[cpu / 64] & 1ull << cpu % 64))
			continue;
		if (cpu >= num_cpus)
			return -EINVAL;
		any = true;
	}
	/* All: also those that come later. */
	if (any)
		memcpy(page->cpu_mask, request->cpu_mask, sizeof(page->cpu_mask));
	else
		memset(page->cpu_mask, 0xff, sizeof(page->cpu_mask));
	return 0;
}

static int fill_page(struct still_proc *proc, const struct still_proc_create *request)
{
	struct still_proc_page *page = proc->page;
	int ret;

	page->magic = STILL_MAGIC;
	page->num_slots = STILL_PROC_SLOTS;
	page->uid = from_kuid_munged(current_user_ns(), current_uid());
	page->limit_as = request->limit_as;
	page->limit_data = request->limit_data;
	page->limit_stack = request->limit_stack;
	page->limit_memlock = request->limit_memlock;
	page->limit_sigpending = request->limit_sigpending;
	page->limit_cpu = request->limit_cpu;
	page->limit_resident = request->limit_resident;
	page->poll_ticks = request->poll_ticks;
	page->ignored_signals = request->ignored_signals;
	page->blocked_signals = request->blocked_signals;
	page->cpu_base_ns = request->cpu_base_ns;
	ret = copy_app_ranges(page, request);
	if (!ret)
		ret = copy_cpu_mask(page, request, proc->os->num_channels);
	if (!ret)
		still_vdso_frames(page);
	return ret;
}

static int create(struct still_handle *handle, struct still_proc_create __user *arg)
{
	struct still_msg msg = { .kind = STILL_MSG_PROC_CREATE };
	struct still_proc_create *request;
	struct still_proc *proc;
	struct file *file;
	int ret, fd;

	if (handle->proc)
		return -EBADFD;
	request = memdup_user(arg, sizeof(*request));
	if (IS_ERR(request))
		return PTR_ERR(request);
	ret = -ENOEXEC;
	if (request->revision != STILL_REVISION)
		goto free;
	ret = READ_ONCE(handle->os->state) == STILL_OS_RUNNING ? 0 : -EIO;
	if (ret)
		goto free;
	ret = -ENOMEM;
	proc = still_proc_new(handle->os);
	if (!proc)
		goto free;
	still_proc_adopt(proc);
	ret = fill_page(proc, request);
	if (!ret)
		ret = still_proc_add(proc);
	if (ret) {
		still_proc_put(proc);
		goto free;
	}
	ret = still_peers_join(proc, request);
	if (ret)
		goto drop;
	fd = get_unused_fd_flags(O_CLOEXEC);
	ret = fd;
	if (fd < 0)
		goto drop;
	ret = still_proc_introduce(proc, &msg, &file);
	if (ret < 0)
		goto put_fd;

	request->mm_fd = fd;
	request->num_slots = STILL_PROC_SLOTS;
	request->num_cpus = handle->os->num_channels;
	request->vdso_offset = proc->page->num_vvar_pages * PAGE_SIZE;
	request->vdso_size = proc->page->num_vdso_pages * PAGE_SIZE;
	request->tsc_khz = tsc_khz;
	ret = copy_to_user(arg, request, sizeof(*request)) ? -EFAULT : 0;
	if (ret) {
		fput(file);
		goto put_fd;
	}
	proc->mm_file = get_file(file);
	handle->proc = proc;
	fd_install(fd, file);
	goto free;
put_fd:
	put_unused_fd(fd);
drop:
	/* As if it had been closed: what the LWK knows of it, it is told to forget. */
	if (proc->stage == STILL_STAGE_NEW && ret != -EIO)
		proc->dead = true; /* refused or never asked */
	still_proc_drop_holder(proc);
free:
	kfree(request);
	return ret;
}

static int check_segment(struct still_proc *proc, const struct still_segment *segment, u64 last)
{
	const u32 prots = PROT_READ | PROT_WRITE | PROT_EXEC;
	u64 len = segment->len;

	if (segment->flags & ~(STILL_SEGMENT_STACK | STILL_SEGMENT_VDSO))
		return -EINVAL;
	if (segment->flags & STILL_SEGMENT_VDSO)
		len = proc->page->num_vdso_pages * PAGE_SIZE;
	if (!len || ((segment->addr | len | segment->file_offset) & ~PAGE_MASK) ||
	    segment->addr < last || segment->addr + len < segment->addr ||
	    !still_proc_in_app_range(proc, segment->addr, segment->addr + len))
		return -EINVAL;
	if (segment->prot & ~prots)
		return -EINVAL;
	if (segment->file != -1 && !still_proxy_has_file(proc, segment->file))
		return -EINVAL;
	return 0;
}

static int exec(struct still_proc *proc, const struct still_exec __user *arg)
{
	struct still_msg msg = { .kind = STILL_MSG_PROC_EXEC, .proc = proc->id };
	struct still_exec *exec;
	u64 last = 0;
	int ret = 0;
	u32 i;

	if (proc->stage != STILL_STAGE_CREATED)
		return -EBADFD;
	exec = memdup_user(arg, sizeof(*exec));
	if (IS_ERR(exec))
		return PTR_ERR(exec);
	if (!exec->num_segments || exec->num_segments > STILL_MAX_SEGMENTS ||
	    ((exec->brk_start | exec->mmap_top) & ~PAGE_MASK) || exec->brk_start > USER_END ||
	    exec->mmap_top > USER_END)
		ret = -EINVAL;
	for (i = 0; !ret && i < exec->num_segments; i++) {
		struct still_segment *segment = &exec->segments[i];

		ret = check_segment(proc, segment, last);
		if (segment->flags & STILL_SEGMENT_VDSO)
			segment->len = proc->page->num_vdso_pages * PAGE_SIZE;
		last = segment->addr + segment->len;
	}
	if (!ret) {
		exec->comm[sizeof(exec->comm) - 1] = 0;
		proc->page->exec = *exec;
		ret = still_ikc_call(proc->os, still_ikc_pick_cpu(proc->os), &msg, NULL, false);
		if (ret >= 0)
			proc->stage = STILL_STAGE_BUILT;
	}
	kfree(exec);
	return min(ret, 0);
}

static int start(struct still_proc *proc, const struct still_proc_start *request)
{
	struct still_msg msg = {
		.kind = STILL_MSG_PROC_START,
		.proc = proc->id,
		.arg = { request->entry, request->stack },
	};
	int ret;

	if (proc->stage != STILL_STAGE_BUILT || !still_slot_is_mine(proc, 0))
		return -EBADFD;
	if (request->entry >= USER_END || request->stack > USER_END || request->stack % 16)
		return -EINVAL;
	ret = still_ikc_call(proc->os, still_ikc_pick_cpu(proc->os), &msg, NULL, false);
	if (ret >= 0)
		proc->stage = STILL_STAGE_STARTED;
	return min(ret, 0);
}

static int relay_signal(struct still_proc *proc, const struct still_signal *signal)
{
	struct still_msg msg = {
		.kind = STILL_MSG_SIGNAL,
		.proc = proc->id,
		.arg = { signal->signo |
				 (u64)(signal->slot < STILL_MAX_SLOTS ? signal->slot + 1 : 0) << 8 |
				 (u64)signal->tid << 32,
			 (u32)signal->code | (u64)(u32)signal->error << 32 },
	};

	if (!signal->signo || signal->signo > 64)
		return -EINVAL;
	memcpy(&msg.arg[2], signal->fields, sizeof(signal->fields));
	return still_ikc_call(proc->os, still_ikc_pick_cpu(proc->os), &msg, NULL, true);
}

static int map_file(struct still_proc *proc, struct still_map_file __user *arg)
{
	struct still_map_file request;
	int ret;

	if (copy_from_user(&request, arg, sizeof(request)))
		return -EFAULT;
	ret = still_proxy_map_file(proc, &request);
	if (!ret && copy_to_user(arg, &request, sizeof(request)))
		ret = -EFAULT; /* the handle stays until the process ends */
	return ret;
}

/* Calls that any thread of the process makes at any time. -ENOTTY: not one of them. */
static long any_time(struct still_proc *proc, unsigned int cmd, void __user *arg)
{
	union {
		u32 slot;
		s32 fd;
		struct still_slot_wait wait;
		struct still_signal signal;
		struct still_range range;
		struct still_signalfd signalfd;
	} in;

	switch (cmd) {
	case STILL_IOC_SLOT_WAIT:
		if (copy_from_user(&in.wait, arg, sizeof(in.wait)))
			return -EFAULT;
		return still_slot_sleep(proc, &in.wait);
	case STILL_IOC_SLOT_WAKE:
		if (get_user(in.slot, (u32 __user *)arg))
			return -EFAULT;
		return still_slot_answered(proc, in.slot);
	case STILL_IOC_SLOT_ATTACH:
		if (get_user(in.slot, (u32 __user *)arg))
			return -EFAULT;
		return still_slot_attach(proc, in.slot);
	case STILL_IOC_SIGNAL:
		if (copy_from_user(&in.signal, arg, sizeof(in.signal)))
			return -EFAULT;
		return relay_signal(proc, &in.signal);
	case STILL_IOC_MAP_FILE:
		return map_file(proc, arg);
	case STILL_IOC_PROC_FORK:
		return still_proxy_fork(proc, arg);
	case STILL_IOC_REPORT:
		return still_report_to_user(proc, arg);
	case STILL_IOC_FILE_NAME:
		return still_file_name(proc, arg);
	case STILL_IOC_SET_EXE:
		if (get_user(in.fd, (s32 __user *)arg))
			return -EFAULT;
		return still_exe_set(proc, in.fd);
	case STILL_IOC_OWN_EXE:
		return still_exe_own(proc);
	case STILL_IOC_SIGNALFD:
		if (copy_from_user(&in.signalfd, arg, sizeof(in.signalfd)))
			return -EFAULT;
		return still_signalfd(proc, &in.signalfd);
	case STILL_IOC_MAP_BACK:
		if (copy_from_user(&in.range, arg, sizeof(in.range)))
			return -EFAULT;
		/* The pseudo file takes a range over again that had a mapping of Linux's own. */
		return still_pseudo_map(proc, &in.range);
	case STILL_IOC_MAP_PINNABLE:
		if (copy_from_user(&in.range, arg, sizeof(in.range)))
			return -EFAULT;
		return still_pinnable_map(proc, &in.range);
	case STILL_IOC_MAP_ORDINARY:
		return still_pinnable_unmap(proc);
	default:
		return -ENOTTY;
	}
}

static long in_order(struct still_proc *proc, unsigned int cmd, void __user *arg)
{
	struct still_proc_start request;
	long ret = -ENOTTY;

	mutex_lock(&proc->lock);
	if (cmd == STILL_IOC_PROC_EXEC)
		ret = exec(proc, arg);
	else if (cmd == STILL_IOC_PROC_START)
		ret = copy_from_user(&request, arg, sizeof(request)) ? -EFAULT
								     : start(proc, &request);
	mutex_unlock(&proc->lock);
	return ret;
}

long still_proxy_ioctl(struct still_handle *handle, unsigned int cmd, void __user *arg)
{
	struct still_proc *proc;
	long ret;

	if (cmd == STILL_IOC_PROC_CREATE) {
		mutex_lock(&handle->lock);
		ret = create(handle, arg);
		mutex_unlock(&handle->lock);
		return ret;
	}
	proc = READ_ONCE(handle->proc);
	if (!proc)
		return -EBADFD;
	if (cmd == STILL_IOC_PROC_ADOPT)
		return still_proxy_adopt(proc);
	if (current->mm != READ_ONCE(proc->mm))
		return -EPERM;
	if (!still_proc_alive(proc))
		return -EIO;
	if (cmd == STILL_IOC_POSE)
		return still_pose(arg); /* any number at all: RAX */
	ret = any_time(proc, cmd, arg);
	return ret == -ENOTTY ? in_order(proc, cmd, arg) : ret;
}
