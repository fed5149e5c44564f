// SPDX-License-Identifier: GPL-2.0-only
/* Facts of LWK processes for those who ask: the LWK writes them into the report area, one question at a time. */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/kdev_t.h>
#include <linux/pid.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "freeze.h"
#include "ikc.h"
#include "os.h"
#include "proxy.h"

static size_t record_bytes(u32 kind)
{
	switch (kind) {
	case STILL_REPORT_PROCESS:
		return sizeof(struct still_report_process);
	case STILL_REPORT_THREADS:
		return sizeof(struct still_report_thread);
	case STILL_REPORT_AREAS:
	case STILL_REPORT_SIZES:
		return sizeof(struct still_report_area);
	case STILL_REPORT_REGISTERS:
		return sizeof(struct still_report_registers);
	default:
		return 0;
	}
}

/* The process with that number in the caller's PID namespace, referenced. */
static struct still_proc *find_target(struct still_proc *asker, u32 pid)
{
	struct still_proc *proc;
	unsigned int index = 0;

	if (!pid || pid_vnr(asker->tgid) == pid) {
		kref_get(&asker->ref);
		return asker;
	}
	while ((proc = still_proc_next(asker->os, &index))) {
		if (pid_vnr(proc->tgid) == pid && still_proc_alive(proc) &&
		    READ_ONCE(proc->stage) >= STILL_STAGE_CREATED)
			return proc;
		still_proc_put(proc);
	}
	return NULL;
}

/* Addresses are a secret between users, as ptrace's rule has it for Linux's own /proc/PID/maps. */
static bool may_see_memory(const struct still_proc *asker, const struct still_proc *target)
{
	return asker == target || asker->page->uid == target->page->uid || capable(CAP_SYS_PTRACE);
}

/* The number of records that are now in the area, or -errno. os->report_lock held. */
static int ask(struct still_proc *target, u32 kind, u64 *cursor, size_t record)
{
	struct still_os *os = target->os;
	struct still_msg msg = {
		.kind = STILL_MSG_REPORT,
		.proc = target->id,
		.arg = { kind, *cursor },
	};
	int count;

	/* Not killable: the LWK writes to the area until it has answered. */
	count = still_ikc_call(os, still_ikc_pick_cpu(os), &msg, cursor, false);
	if (count >= 0 && (u64)count * record > STILL_REPORT_BYTES) {
		atomic64_inc(&os->bad_messages);
		return -EIO;
	}
	return count;
}

/* For those who may not see the target's memory. os->report_lock held. */
static void hide_addresses(struct still_os *os)
{
	struct still_report_process *facts = os->report;

	facts->brk_start = 0;
	facts->brk_end = 0;
}

static int answer(struct still_proc *target, struct still_report *report, size_t record,
		  bool shows_addresses)
{
	int count = ask(target, report->kind, &report->cursor, record);

	if (count < 0)
		return count;
	if ((u64)count * record > report->bytes)
		return -ENOBUFS;
	report->bytes = (u64)count * record;
	if (report->kind == STILL_REPORT_PROCESS && !shows_addresses)
		hide_addresses(target->os);
	return copy_to_user(u64_to_user_ptr(report->buffer), target->os->report, report->bytes)
		       ? -EFAULT
		       : 0;
}

/* Takes over what the LWK has answered, count records. os->report_lock held. */
typedef void take_fn(struct still_os *os, void *query, int count);

static void take_facts(struct still_os *os, void *query, int count)
{
	hide_addresses(os); /* whoever asks */
	memcpy(&((struct still_process_query *)query)->facts, os->report,
	       sizeof(struct still_report_process));
}

static void take_usage(struct still_os *os, void *query, int count)
{
	const struct still_report_usage *records = os->report;
	struct still_usage_query *usage = query;
	int i;

	usage->count = 0;
	for (i = 0; i < count && usage->count < STILL_MAX_NODES; i++) {
		struct still_report_usage record = records[i];

		if (record.node >= os->num_nodes)
			continue;
		record.node = os->nodes[record.node];
		usage->nodes[usage->count++] = record;
	}
}

/*
 * Asks about the process at *cursor of the table or, if there is none, the next. An answer of no records is one, too,
 * if may_be_none.
 */
static int report_next(struct still_os *os, u32 kind, u32 *cursor, u32 *pid, u32 *uid, void *query,
		       take_fn *take, size_t record, bool may_be_none)
{
	struct still_proc *proc;
	u64 unused = 0;
	int count;

	if (READ_ONCE(os->state) != STILL_OS_RUNNING || still_stands_still(os)) /* no answer */
		return -EBADFD;
	while ((proc = still_proc_next(os, cursor))) {
		count = -ESRCH;
		*pid = pid_vnr(proc->tgid);
		*uid = proc->page->uid;
		if (*pid && still_proc_alive(proc) &&
		    READ_ONCE(proc->stage) >= STILL_STAGE_CREATED) {
			mutex_lock(&os->report_lock);
			count = ask(proc, kind, &unused, record);
			if (count >= 0)
				take(os, query, count);
			mutex_unlock(&os->report_lock);
		}
		still_proc_put(proc);
		if (count > 0 || (!count && may_be_none))
			return 0;
		if (count < 0 && count != -ESRCH) /* that one has ended meanwhile */
			return count;
	}
	return -ENOENT;
}

int still_report_next(struct still_os *os, struct still_process_query *query)
{
	return report_next(os, STILL_REPORT_PROCESS, &query->cursor, &query->pid, &query->uid,
			   query, take_facts, sizeof(query->facts), false);
}

int still_usage_next(struct still_os *os, struct still_usage_query *query)
{
	return report_next(os, STILL_REPORT_USAGE, &query->cursor, &query->pid, &query->uid, query,
			   take_usage, sizeof(query->nodes[0]), true);
}

int still_report_to_user(struct still_proc *asker, struct still_report __user *arg)
{
	struct still_report report;
	struct still_proc *target;
	size_t record;
	int ret = -EPERM;
	bool may;

	if (copy_from_user(&report, arg, sizeof(report)))
		return -EFAULT;
	record = record_bytes(report.kind);
	if (!record)
		return -EINVAL;
	target = find_target(asker, report.pid);
	if (!target)
		return -ESRCH;
	may = may_see_memory(asker, target);
	if (report.kind < STILL_REPORT_AREAS || may) {
		mutex_lock(&asker->os->report_lock);
		ret = answer(target, &report, record, may);
		mutex_unlock(&asker->os->report_lock);
	}
	still_proc_put(target);
	if (!ret && copy_to_user(arg, &report, sizeof(report)))
		ret = -EFAULT;
	return ret;
}

static int name_of(struct file *file, struct still_file_name *name)
{
	char *room = kmalloc(PATH_MAX, GFP_KERNEL), *path;
	size_t bytes;
	int ret = 0;

	if (!room)
		return -ENOMEM;
	path = d_path(&file->f_path, room, PATH_MAX);
	if (IS_ERR(path)) {
		ret = PTR_ERR(path);
	} else {
		bytes = strlen(path) + 1;
		if (bytes > name->bytes)
			ret = -ENOBUFS;
		else if (copy_to_user(u64_to_user_ptr(name->buffer), path, bytes))
			ret = -EFAULT;
	}
	name->major = MAJOR(file_inode(file)->i_sb->s_dev);
	name->minor = MINOR(file_inode(file)->i_sb->s_dev);
	name->inode = file_inode(file)->i_ino;
	kfree(room);
	return ret;
}

int still_file_name(struct still_proc *asker, struct still_file_name __user *arg)
{
	struct still_file_name name;
	struct still_proc *target;
	struct file *file = NULL;
	int ret;

	if (copy_from_user(&name, arg, sizeof(name)))
		return -EFAULT;
	target = find_target(asker, name.pid);
	if (!target)
		return -ESRCH;
	ret = may_see_memory(asker, target) ? -ENOENT : -EPERM;
	if (ret == -ENOENT && name.handle >= 0)
		file = still_proxy_get_file(target, name.handle);
	still_proc_put(target);
	if (!file)
		return ret;
	ret = name_of(file, &name);
	fput(file);
	if (!ret && copy_to_user(arg, &name, sizeof(name)))
		ret = -EFAULT;
	return ret;
}
