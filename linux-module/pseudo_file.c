// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pseudo file of the unified address space: one inode for each instance, on a file system of its own
 * that nobody can mount. A process has the window index << 47 of the inode's offsets, so one call of
 * unmap_mapping_pages() reaches every mapping of an address, in whatever mm.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mman.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pagemap.h>
#include <linux/pseudo_fs.h>

#include "compat.h"
#include "os.h"
#include "peers.h"
#include "proxy.h"
#include "proxy_mm.h"

#define STILLFS_MAGIC 0x5354494c

static struct vfsmount *mount;

static int init_fs_context(struct fs_context *context)
{
	return init_pseudo(context, STILLFS_MAGIC) ? 0 : -ENOMEM;
}

/* Without an owner: kern_mount() would pin the module for ever. */
static struct file_system_type fs_type = {
	.name = "stillcore",
	.init_fs_context = init_fs_context,
	.kill_sb = kill_anon_super,
};

/* Our pages have no mapping and no dirtiness; only a shared futex from Linux misses it. */
static const struct address_space_operations address_space_ops = {
	.dirty_folio = noop_dirty_folio,
};

int still_pseudo_init(void)
{
	mount = kern_mount(&fs_type);
	return PTR_ERR_OR_ZERO(mount);
}

void still_pseudo_exit(void)
{
	kern_unmount(mount);
}

struct inode *still_pseudo_inode(void)
{
	struct inode *inode = alloc_anon_inode(mount->mnt_sb);

	if (IS_ERR(inode))
		return inode;
	i_size_write(inode, MAX_LFS_FILESIZE);
	inode->i_mapping->a_ops = &address_space_ops;
	return inode;
}

/* mcexec gives the address as the offset; the window comes in here. */
int still_pseudo_cover(struct file *file, struct vm_area_struct *vma,
		       const struct vm_operations_struct *ops)
{
	struct still_proc *proc = file->private_data;
	bool slots = still_peers_has_slots(proc) && vma->vm_start >= 1ull << STILL_PEERS_SHIFT;

	if (!(vma->vm_flags & VM_SHARED) || (vma->vm_flags & VM_EXEC) ||
	    vma->vm_pgoff != vma->vm_start >> PAGE_SHIFT ||
	    (!slots && !still_proc_in_app_range(proc, vma->vm_start, vma->vm_end)))
		return -EINVAL;
	if (current->mm != proc->mm)
		return -EPERM;
	if (slots && still_peers_read_only(proc) && vma->vm_start >= still_peers_read_only(proc)) {
		if (vma->vm_flags & VM_WRITE)
			return -EACCES;
		vm_flags_clear(vma, VM_MAYWRITE);
		/* The same memory as that of the slots for writing: a zap reaches both. */
		vma->vm_pgoff -= (u64)STILL_PEERS_READ_ONLY << (STILL_PEERS_SHIFT - PAGE_SHIFT);
	}
	vma->vm_pgoff += (slots ? still_peers_slots(proc) : still_proc_window(proc)) >> PAGE_SHIFT;
	vma->vm_ops = slots ? &still_peers_vm_ops : ops;
	vma->vm_private_data = file;
	/* Not VM_DONTDUMP: a program's core is that of its proxy. By default Linux dumps no shared mapping. */
	vm_flags_set(vma, VM_DONTCOPY | VM_DONTEXPAND);
	return 0;
}

static int pseudo_mmap(struct file *file, struct vm_area_struct *vma)
{
	return still_pseudo_cover(file, vma, &still_proxy_vm_ops);
}

int still_pseudo_release(struct inode *inode, struct file *file)
{
	still_proc_drop_holder(file->private_data);
	return 0;
}

static const struct file_operations pseudo_ops = {
	.owner = THIS_MODULE,
	.mmap = pseudo_mmap,
	.release = still_pseudo_release,
};

struct file *still_pseudo_open_as(struct still_proc *proc, const struct file_operations *ops)
{
	struct inode *inode = proc->os->inode;
	struct file *file;

	ihold(inode);
	file = alloc_file_pseudo(inode, mount, "[stillcore]", O_RDWR | O_CLOEXEC, ops);
	if (IS_ERR(file)) {
		iput(inode);
		return file;
	}
	__module_get(THIS_MODULE); /* fput() drops one that alloc_file_pseudo() does not take */
	file->f_mapping = inode->i_mapping;
	file->private_data = proc;
	atomic_inc(&proc->holders);
	return file;
}

struct file *still_pseudo_open(struct still_proc *proc)
{
	return still_pseudo_open_as(proc, &pseudo_ops);
}

int still_pseudo_map_over(struct file *file, const struct still_range *range)
{
	unsigned long at;

	if (((range->start | range->end) & ~PAGE_MASK) || range->start >= range->end ||
	    range->end > TASK_SIZE_MAX)
		return -EINVAL;
	at = vm_mmap(file, range->start, range->end - range->start, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_FIXED | MAP_NORESERVE, range->start);
	return IS_ERR_VALUE(at) ? (long)at : 0;
}

int still_pseudo_map(struct still_proc *proc, const struct still_range *range)
{
	int ret = still_pseudo_map_over(proc->mm_file, range);

	atomic_inc(&proc->pinnable_changes); /* see pinnable_fault() */
	wake_up_all(&proc->pinnable_wait);
	return ret;
}
