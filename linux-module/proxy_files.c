// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files that the program maps privately. The module keeps the struct file from mmap on (the program may
 * close its descriptor at once) and reads from it into the LWK's memory, never in a proxy's thread.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/major.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mount.h>
#include <linux/slab.h>

#include "compat.h"
#include "cuts.h"
#include "ikc.h"
#include "os.h"
#include "proxy.h"

#define FILL_MAX (2ul << 20)
#define ZERO_MINOR 5

static bool mounted_noexec(const struct file *file)
{
	return (file->f_path.mnt->mnt_flags & MNT_NOEXEC) ||
	       (file_inode(file)->i_sb->s_iflags & SB_I_NOEXEC);
}

static bool is_dev_zero(const struct file *file)
{
	const struct inode *inode = file_inode(file);

	return S_ISCHR(inode->i_mode) && imajor(inode) == MEM_MAJOR && iminor(inode) == ZERO_MINOR;
}

/* Its contents are what kernel_read() gives: other devices map something else. */
static bool readable_as_mapped(const struct file *file)
{
	const struct inode *inode = file_inode(file);

	if (S_ISREG(inode->i_mode) || S_ISBLK(inode->i_mode))
		return file->f_op->read_iter && !file->f_op->read;
	return is_dev_zero(file);
}

/* In Linux's order, so that the error is Linux's too. */
static int check(const struct file *file, const struct still_map_file *request)
{
	if (!request->len || request->len > TASK_SIZE_MAX)
		return request->len ? -ENOMEM : -EINVAL;
	if (request->offset & ~PAGE_MASK)
		return -EINVAL;
	if (request->offset + PAGE_ALIGN(request->len) < request->offset ||
	    request->offset + request->len > MAX_LFS_FILESIZE)
		return -EOVERFLOW;
	if ((request->flags & MAP_TYPE) != MAP_PRIVATE)
		return -ENODEV;
	if (!(file->f_mode & FMODE_READ))
		return -EACCES;
	if ((request->prot & PROT_EXEC) && mounted_noexec(file))
		return -EPERM;
	if (!still_can_mmap(file) || !readable_as_mapped(file))
		return -ENODEV;
	return 0;
}

static int keep(struct still_proc *proc, struct file *file, struct still_watched *watched)
{
	int handle;

	spin_lock(&proc->file_lock);
	for (handle = 0; handle < STILL_MAX_FILES; handle++)
		if (!proc->files[handle].file) {
			proc->files[handle] = (struct still_kept_file){ file, watched };
			proc->num_files = max(proc->num_files, handle + 1);
			break;
		}
	spin_unlock(&proc->file_lock);
	return handle < STILL_MAX_FILES ? handle : -ENFILE;
}

int still_proxy_map_file(struct still_proc *proc, struct still_map_file *request)
{
	struct file *file = fget(request->fd);
	struct still_watched *watched = NULL;
	int ret;

	if (!file)
		return -EBADF;
	ret = check(file, request);
	if (!ret) {
		watched = still_watched_file(file);
		ret = keep(proc, file, watched);
	}
	if (ret < 0) {
		still_watched_put(watched);
		fput(file);
		return ret;
	}
	request->handle = ret;
	return 0;
}

static void let_go(const struct still_kept_file *kept)
{
	still_watched_put(kept->watched);
	if (kept->file)
		fput(kept->file);
}

static struct still_kept_file get_kept(struct still_proc *proc, u64 handle)
{
	struct still_kept_file kept = { NULL };

	if (handle >= STILL_MAX_FILES)
		return kept;
	spin_lock(&proc->file_lock);
	kept = proc->files[handle];
	if (kept.file)
		get_file(kept.file);
	still_watched_get(kept.watched);
	spin_unlock(&proc->file_lock);
	return kept;
}

struct file *still_proxy_get_file(struct still_proc *proc, u64 handle)
{
	struct still_kept_file kept = get_kept(proc, handle);

	still_watched_put(kept.watched);
	return kept.file;
}

bool still_proxy_has_file(struct still_proc *proc, int handle)
{
	return handle >= 0 && handle < STILL_MAX_FILES && READ_ONCE(proc->files[handle].file);
}

static long read_into(struct file *file, void *to, size_t bytes, loff_t offset)
{
	size_t done = 0;

	if (is_dev_zero(file)) { /* has no read that kernel_read() takes */
		memset(to, 0, bytes);
		return bytes;
	}
	while (done < bytes) {
		ssize_t got = kernel_read(file, to + done, bytes - done, &offset);

		if (got == -EINTR || got == -ERESTARTSYS)
			continue;
		if (got < 0)
			return got;
		if (!got)
			break;
		done += got;
	}
	return done;
}

static long fill(struct still_os *os, const struct still_msg *msg, u64 *key)
{
	u64 phys = msg->arg[2], bytes = msg->arg[3];
	struct still_kept_file kept;
	struct still_proc *proc;
	long ret;

	if (!bytes || bytes > FILL_MAX || msg->arg[1] > MAX_LFS_FILESIZE - FILL_MAX ||
	    phys > PHYS_ADDR_MAX - FILL_MAX ||
	    !still_os_owns(os, PHYS_PFN(phys), PFN_UP(phys + bytes) - PHYS_PFN(phys))) {
		atomic64_inc(&os->bad_messages);
		return -EINVAL;
	}
	proc = still_proc_find(os, msg->proc);
	if (!proc)
		return -ESRCH;
	kept = get_kept(proc, msg->arg[0]);
	ret = -EBADF;
	if (kept.file) {
		/* Stores of meanwhile may show in no key. */
		bool lasts = still_file_lasts(kept.file);

		ret = read_into(kept.file, __va(phys), bytes, msg->arg[1]);
		/* of after the reading */
		*key = lasts ? still_file_key(kept.file, kept.watched, true) : 0;
		atomic64_inc(&os->fills);
	}
	let_go(&kept);
	still_proc_put(proc);
	return ret;
}

void still_proxy_fill(struct still_letter *letter)
{
	u64 key = 0;
	long ret = fill(letter->channel->os, &letter->msg, &key);

	still_ikc_reply(letter, ret, key);
}

void still_proxy_file_key(struct still_letter *letter)
{
	struct still_proc *proc = still_proc_find(letter->channel->os, letter->msg.proc);
	struct still_kept_file kept = { NULL };
	bool found;
	u64 key = 0;

	if (proc)
		kept = get_kept(proc, letter->msg.arg[0]);
	found = kept.file;
	if (found)
		key = still_file_key(kept.file, kept.watched, false);
	let_go(&kept);
	if (proc)
		still_proc_put(proc);
	still_ikc_reply(letter, found ? 0 : -EBADF, key);
}

void still_proxy_file_close(struct still_os *os, const struct still_msg *msg)
{
	struct still_proc *proc = still_proc_find(os, msg->proc);
	struct still_kept_file kept = { NULL };

	if (proc && msg->arg[0] < STILL_MAX_FILES) {
		spin_lock(&proc->file_lock);
		swap(kept, proc->files[msg->arg[0]]);
		spin_unlock(&proc->file_lock);
	}
	let_go(&kept);
	if (proc)
		still_proc_put(proc);
}

/* fork: the same files by the same handles. The child is known to nobody yet. */
void still_proxy_files_copy(struct still_proc *child, struct still_proc *parent)
{
	int handle;

	spin_lock(&parent->file_lock);
	for (handle = 0; handle < parent->num_files; handle++)
		if (parent->files[handle].file)
			child->files[handle] = (struct still_kept_file){
				get_file(parent->files[handle].file),
				still_watched_get(parent->files[handle].watched),
			};
	child->num_files = parent->num_files;
	spin_unlock(&parent->file_lock);
}

void still_proxy_files_free(struct still_proc *proc)
{
	int handle;

	for (handle = 0; handle < proc->num_files; handle++)
		let_go(&proc->files[handle]);
	kvfree(proc->files);
}
