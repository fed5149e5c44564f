// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of a program's that Linux may pin for long (io_uring's registered buffers, RDMA): for the time of the call
 * that pins, mcexec has the pseudo file mapped in another way. In which, depends on what Linux refuses:
 *
 * - From 6.5 on, a mapping whose vm_ops have a page_mkwrite. So what may be written is mapped without one: see
 *   pinnable_fault() in proxy_mm.c.
 * - Before, io_uring registers no memory of a file but of hugetlbfs and shmem. The former it knows by the file's
 *   operations alone. So the program's memory is mapped with such a file in the place of the pseudo file (private pages
 *   of other files too, which Linux itself would refuse). All that makes the mapping ours stays: its vm_ops, and the
 *   file's i_mapping, by which zaps reach it. The file's own operations can't be reached by way of such a mapping
 *   (remap_file_pages, MADV_REMOVE), since it is open neither for reading nor for writing; and its inode is one of
 *   hugetlbfs, for those that ask first.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mount.h>

#include "compat.h"
#include "os.h"
#include "proxy.h"
#include "proxy_mm.h"

#define NEITHER_READ_NOR_WRITE O_ACCMODE

static struct vfsmount *huge_mount; /* NULL: not needed, or Linux has no hugetlbfs */
static struct file *huge_file;

/* Without it pins are refused: no reason not to load. */
int still_pinnable_init(void)
{
	struct file_system_type *type = STILL_PINS_BY_FILE ? get_fs_type("hugetlbfs") : NULL;
	struct vfsmount *mount = type ? kern_mount(type) : ERR_PTR(-ENODEV);
	struct file *file;

	if (IS_ERR(mount))
		return 0;
	file = file_open_root_mnt(mount, "stillcore", O_CREAT | O_RDWR, 0600);
	if (IS_ERR(file)) {
		kern_unmount(mount);
		return 0;
	}
	huge_mount = mount;
	huge_file = file;
	return 0;
}

void still_pinnable_exit(void)
{
	if (!huge_file)
		return;
	fput(huge_file);
	kern_unmount(huge_mount);
}

/* The file of that kind whose i_mapping is the instance's. NULL: none is needed, or can be had. */
struct file *still_pinnable_disguise(struct still_os *os)
{
	struct inode *inode;
	struct file *file;

	if (!huge_file)
		return NULL;
	inode = file_inode(huge_file);
	ihold(inode);
	file = alloc_file_pseudo(inode, huge_mount, "[stillcore]", NEITHER_READ_NOR_WRITE,
				 huge_file->f_op);
	if (IS_ERR(file)) {
		iput(inode);
		return NULL;
	}
	file->f_mapping = os->inode->i_mapping;
	return file;
}

static int pinnable_mmap(struct file *file, struct vm_area_struct *vma)
{
	return still_pseudo_cover(file, vma, &still_pinnable_vm_ops);
}

static int disguised_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct still_proc *proc = file->private_data;
	int ret = still_pseudo_cover(file, vma, &still_disguised_vm_ops);

	if (ret)
		return ret;
	get_file(file); /* as vm_private_data; the mapping's vm_ops see to it from now on */
	vma_set_file(vma, proc->os->disguise);
	return 0;
}

static const struct file_operations pinnable_ops = {
	.owner = THIS_MODULE,
	.mmap = pinnable_mmap,
	.release = still_pseudo_release,
};

static const struct file_operations disguised_ops = {
	.owner = THIS_MODULE,
	.mmap = disguised_mmap,
	.release = still_pseudo_release,
};

static bool is_pinnable(const struct vm_area_struct *vma)
{
	return vma->vm_ops == &still_pinnable_vm_ops || vma->vm_ops == &still_disguised_vm_ops;
}

bool still_is_pseudo(const struct vm_area_struct *vma)
{
	return vma->vm_ops == &still_proxy_vm_ops || is_pinnable(vma);
}

struct extent {
	bool is_ours; /* the pseudo file covers all of it */
	bool is_done; /* in the other way already */
};

static struct extent look_at(const struct still_range *range)
{
	struct extent found = { true, true };
	struct vm_area_struct *vma;
	unsigned long at;

	mmap_read_lock(current->mm);
	for (at = range->start; found.is_ours && at < range->end; at = vma->vm_end) {
		vma = vma_lookup(current->mm, at);
		found.is_ours = vma && still_is_pseudo(vma);
		if (!found.is_ours)
			break;
		found.is_done &= is_pinnable(vma);
	}
	mmap_read_unlock(current->mm);
	return found;
}

/* mcexec sees to it that none of its threads maps anything there meanwhile; if it did, it hurts itself only. */
int still_pinnable_map(struct still_proc *proc, const struct still_range *range)
{
	const struct file_operations *ops = &pinnable_ops;
	struct extent found;
	struct file *file;
	int ret;

	if (range->start >= range->end)
		return -EINVAL;
	if (STILL_PINS_BY_FILE && !proc->os->disguise)
		return 0; /* then io_uring says EOPNOTSUPP */
	if (STILL_PINS_BY_FILE)
		ops = &disguised_ops;
	found = look_at(range);
	if (!found.is_ours)
		return -EBUSY;
	if (found.is_done)
		return 0; /* for another call that pins */
	file = still_pseudo_open_as(proc, ops);
	if (IS_ERR(file))
		return PTR_ERR(file);
	ret = still_pseudo_map_over(file, range);
	fput(file);
	return ret;
}

static bool next_pinnable(unsigned long from, struct still_range *range)
{
	struct vm_area_struct *vma;
	bool found = false;

	mmap_read_lock(current->mm);
	while (!found && (vma = find_vma(current->mm, from))) {
		found = is_pinnable(vma);
		*range = (struct still_range){ vma->vm_start, vma->vm_end };
		from = vma->vm_end;
	}
	mmap_read_unlock(current->mm);
	return found;
}

int still_pinnable_unmap(struct still_proc *proc)
{
	struct still_range range = { 0 };
	int ret = 0;

	while (!ret && next_pinnable(range.end, &range))
		ret = still_pseudo_map(proc, &range);
	return ret;
}
