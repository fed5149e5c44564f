// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/PID/exe of a proxy is the program, not mcexec. prctl(PR_SET_MM_EXE_FILE) refuses while the old file is
 * still mapped, which mcexec always is; the rest is done here as there.
 */
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mount.h>
#include <linux/sched/mm.h>

#include "os.h"
#include "proxy.h"

static int may_be_exe(struct file *file)
{
	const struct inode *inode = file_inode(file);

	if (!S_ISREG(inode->i_mode) || (file->f_path.mnt->mnt_flags & MNT_NOEXEC) ||
	    (inode->i_sb->s_iflags & SB_I_NOEXEC))
		return -EACCES;
	return file_permission(file, MAY_EXEC);
}

int still_exe_set(struct still_proc *proc, int fd)
{
	struct mm_struct *mm = current->mm;
	struct file *file = fget(fd), *old;
	int ret;

	if (!file)
		return -EBADF;
	ret = may_be_exe(file);
	if (!ret)
		ret = deny_write_access(file);
	if (ret) {
		fput(file);
		return ret;
	}
	mmap_write_lock(mm);
	old = rcu_dereference_protected(mm->exe_file, true);
	rcu_assign_pointer(mm->exe_file, file);
	mmap_write_unlock(mm);
	if (!old)
		return 0;
	allow_write_access(old);
	mutex_lock(&proc->lock);
	if (!proc->own_exe)
		swap(proc->own_exe, old);
	mutex_unlock(&proc->lock);
	if (old)
		fput(old);
	return 0;
}

int still_exe_own(struct still_proc *proc)
{
	struct file *file;
	int fd;

	mutex_lock(&proc->lock);
	file = proc->own_exe ? get_file(proc->own_exe) : NULL;
	mutex_unlock(&proc->lock);
	if (!file)
		return -ENOENT;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		fput(file);
	else
		fd_install(fd, file);
	return fd;
}
