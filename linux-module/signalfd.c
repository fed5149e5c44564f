// SPDX-License-Identifier: GPL-2.0-only
/*
 * signalfd(2) for LWK processes. Their signals pend in the LWK, so a file of the module's takes the place of Linux's
 * own: who reads it asks the LWK what pends for the thread that the caller serves, as in Linux the reader's signals
 * count and not the maker's. The LWK tells when a signal that was asked for has come; all files that have its
 * number wake their readers and pollers, who look for themselves.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/signalfd.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "ikc.h"
#include "os.h"
#include "proxy.h"

struct signal_file {
	struct still_os *os;
	struct list_head list; /* os->signal_files */
	wait_queue_head_t wait;
	u64 set;
};

/* From the doorbell. */
void still_signal_news(struct still_os *os, u64 set)
{
	struct signal_file *sf;
	unsigned long flags;

	spin_lock_irqsave(&os->signal_lock, flags);
	list_for_each_entry(sf, &os->signal_files, list)
		if (READ_ONCE(sf->set) & set)
			wake_up_poll(&sf->wait, EPOLLIN);
	spin_unlock_irqrestore(&os->signal_lock, flags);
}

/* The number of a signal that pends for the caller, 0, or -errno. With args it is taken, and they are the message's. */
static int ask(struct signal_file *sf, u64 args[5])
{
	struct still_proc *proc = still_proc_of_current(sf->os);
	struct still_msg msg = {
		.kind = STILL_MSG_SIGNAL_TAKE,
		.arg = { READ_ONCE(sf->set), task_pid_vnr(current), !args },
	};
	int ret;

	if (!proc)
		return -EIO; /* a process of Linux's has inherited it: docs/limits.md */
	msg.proc = proc->id;
	ret = still_ikc_ask(sf->os, still_ikc_pick_cpu(sf->os), &msg, args, true);
	still_proc_put(proc);
	return ret;
}

static __poll_t poll(struct file *file, poll_table *wait)
{
	struct signal_file *sf = file->private_data;

	poll_wait(file, &sf->wait, wait);
	return ask(sf, NULL) > 0 ? EPOLLIN : 0;
}

/* Waits for a signal unless told not to. As ask(). */
static int take(struct signal_file *sf, bool nonblock, u64 args[5])
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	int ret = ask(sf, args);

	if (ret)
		return ret;
	if (nonblock)
		return -EAGAIN;
	add_wait_queue(&sf->wait, &wait);
	while (!(ret = ask(sf, args))) {
		if (signal_pending(current)) {
			ret = -ERESTARTSYS;
			break;
		}
		wait_woken(&wait, TASK_INTERRUPTIBLE, MAX_SCHEDULE_TIMEOUT);
	}
	remove_wait_queue(&sf->wait, &wait);
	return ret;
}

/* Which fields of siginfo a sender meant, by number and code. */
enum layout { PLAIN, QUEUED, TIMER, POLLED, FAULT, CHILD, SYSCALL };

static enum layout layout_of(int signo, int code)
{
	static const struct {
		u8 codes, layout;
	} own[] = {
		[SIGILL] = { NSIGILL, FAULT },    [SIGFPE] = { NSIGFPE, FAULT },
		[SIGSEGV] = { NSIGSEGV, FAULT },  [SIGBUS] = { NSIGBUS, FAULT },
		[SIGTRAP] = { NSIGTRAP, FAULT },  [SIGCHLD] = { NSIGCHLD, CHILD },
		[SIGPOLL] = { NSIGPOLL, POLLED }, [SIGSYS] = { NSIGSYS, SYSCALL },
	};

	if (code > SI_USER && code < SI_KERNEL) {
		if (signo < ARRAY_SIZE(own) && code <= own[signo].codes)
			return own[signo].layout;
		return code <= NSIGPOLL ? POLLED : PLAIN;
	}
	if (code == SI_TIMER)
		return TIMER;
	if (code == SI_SIGIO)
		return POLLED;
	return code < 0 ? QUEUED : PLAIN;
}

static void translate(const struct kernel_siginfo *info, struct signalfd_siginfo *out)
{
	memset(out, 0, sizeof(*out));
	out->ssi_signo = info->si_signo;
	out->ssi_errno = info->si_errno;
	out->ssi_code = info->si_code;
	switch (layout_of(info->si_signo, info->si_code)) {
	case CHILD:
		out->ssi_status = info->si_status;
		out->ssi_utime = info->si_utime;
		out->ssi_stime = info->si_stime;
		fallthrough;
	case PLAIN:
		out->ssi_pid = info->si_pid;
		out->ssi_uid = info->si_uid;
		break;
	case QUEUED:
		out->ssi_pid = info->si_pid;
		out->ssi_uid = info->si_uid;
		out->ssi_ptr = (__force long)info->si_ptr;
		out->ssi_int = info->si_int;
		break;
	case TIMER:
		out->ssi_tid = info->si_tid;
		out->ssi_overrun = info->si_overrun;
		out->ssi_ptr = (__force long)info->si_ptr;
		out->ssi_int = info->si_int;
		break;
	case POLLED:
		out->ssi_band = info->si_band;
		out->ssi_fd = info->si_fd;
		break;
	case FAULT:
		out->ssi_addr = (__force long)info->si_addr;
		break;
	case SYSCALL:
		out->ssi_call_addr = (__force long)info->si_call_addr;
		out->ssi_syscall = info->si_syscall;
		out->ssi_arch = info->si_arch;
		break;
	}
}

static ssize_t read(struct file *file, char __user *buffer, size_t bytes, loff_t *pos)
{
	struct signal_file *sf = file->private_data;
	bool nonblock = file->f_flags & O_NONBLOCK;
	size_t count = bytes / sizeof(struct signalfd_siginfo), done;
	struct signalfd_siginfo out;
	int signo = 0;

	if (!count)
		return -EINVAL;
	for (done = 0; done < count; done++) {
		struct kernel_siginfo info = {};
		u64 args[5];

		signo = take(sf, nonblock || done, args);
		if (signo <= 0)
			break;
		info.si_signo = signo;
		info.si_code = (s32)args[0];
		info.si_errno = args[0] >> 32;
		/* what follows the first 16 bytes depends on the signal */
		memcpy((char *)&info + 16, &args[1], 32);
		translate(&info, &out);
		if (copy_to_user(buffer + done * sizeof(out), &out, sizeof(out))) {
			signo = -EFAULT;
			break;
		}
	}
	return done ? done * sizeof(out) : signo;
}

static void forget(struct signal_file *sf)
{
	spin_lock_irq(&sf->os->signal_lock);
	list_del(&sf->list);
	spin_unlock_irq(&sf->os->signal_lock);
	still_os_put(sf->os);
	kfree(sf);
}

static int release(struct inode *inode, struct file *file)
{
	forget(file->private_data);
	return 0;
}

static void show_fdinfo(struct seq_file *text, struct file *file)
{
	const struct signal_file *sf = file->private_data;

	seq_printf(text, "sigmask:\t%016llx\n", READ_ONCE(sf->set));
}

static const struct file_operations ops = {
	.owner = THIS_MODULE,
	.show_fdinfo = show_fdinfo,
	.release = release,
	.poll = poll,
	.read = read,
	.llseek = noop_llseek,
};

static int change(int fd, u64 set)
{
	struct file *file = fget(fd);
	struct signal_file *sf;
	int ret = -EINVAL;

	if (!file)
		return -EBADF;
	if (file->f_op == &ops) {
		sf = file->private_data;
		WRITE_ONCE(sf->set, set);
		wake_up_poll(&sf->wait, EPOLLIN);
		ret = fd;
	}
	fput(file);
	return ret;
}

int still_signalfd(struct still_proc *proc, const struct still_signalfd *request)
{
	struct signal_file *sf;
	int fd;

	BUILD_BUG_ON(sizeof(struct kernel_siginfo) != 48 ||
		     offsetof(struct kernel_siginfo, si_pid) != 16);
	if (request->flags & ~(u32)(SFD_CLOEXEC | SFD_NONBLOCK))
		return -EINVAL;
	if (request->fd != -1)
		return change(request->fd, request->set);
	sf = kzalloc(sizeof(*sf), GFP_KERNEL);
	if (!sf)
		return -ENOMEM;
	init_waitqueue_head(&sf->wait);
	sf->os = proc->os;
	sf->set = request->set;
	still_os_get(sf->os);
	spin_lock_irq(&sf->os->signal_lock);
	list_add(&sf->list, &sf->os->signal_files);
	spin_unlock_irq(&sf->os->signal_lock);
	fd = anon_inode_getfd("[signalfd]", &ops, sf, O_RDWR | request->flags);
	if (fd < 0)
		forget(sf);
	return fd;
}
