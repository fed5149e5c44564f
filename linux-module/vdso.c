// SPDX-License-Identifier: GPL-2.0-only
/*
 * The frames of the calling process's vDSO and of the time pages below it: the LWK maps the same ones, so
 * that clock_gettime needs no system call. The program could have put something else at that address; so
 * only what Linux itself calls [vvar] and [vdso] counts.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <asm/vdso.h>

#include "compat.h"
#include "lwk_tables.h"
#include "proxy.h"

/* Newer kernels have a [vvar_vclock] behind [vvar]. */
static bool is_special(struct vm_area_struct *vma, const char *prefix)
{
	const char *its;

	if (!vma || vma->vm_file || !vma->vm_ops || !vma->vm_ops->name)
		return false;
	its = vma->vm_ops->name(vma);
	return its && !strncmp(its, prefix, strlen(prefix));
}

/* 0: a hole. What is there is made present first, by looking at it. */
static u64 frame_of(unsigned long address, const char *prefix)
{
	struct still_device_pte entry;
	struct vm_area_struct *vma;
	struct page *page;
	u64 frame = 0;

	if (fault_in_readable((const char __user *)address, 1))
		return 0;
	mmap_read_lock(current->mm);
	vma = vma_lookup(current->mm, address);
	if (!is_special(vma, prefix))
		goto out;
	/* vvar is mapped by frame number, which GUP refuses. */
	if (vma->vm_flags & (VM_IO | VM_PFNMAP)) {
		if (!still_device_pte(vma, address, &entry))
			frame = (u64)entry.pfn << PAGE_SHIFT;
	} else if (still_get_page(address, &page)) {
		frame = (u64)page_to_pfn(page) << PAGE_SHIFT;
		put_page(page);
	}
out:
	mmap_read_unlock(current->mm);
	return frame;
}

static int copy_code(const struct vdso_image *image, const struct page *page, unsigned int offset,
		     void *buf, int len)
{
	unsigned long at;

	for (at = 0; image && at < image->size; at += PAGE_SIZE) {
		if (virt_to_page(image->data + at) == page) {
			memcpy(buf, image->data + at + offset, len);
			return len;
		}
	}
	return -EFAULT;
}

/*
 * Of the vDSO's code in the program's memory, which is not in the pseudo file: len bytes of one page, for a debugger.
 * mm: the proxy's, whose vDSO it is.
 */
int still_vdso_read(struct still_proc *proc, const struct mm_struct *mm, u64 address, void *buf,
		    int len)
{
	struct still_leaf leaf;
	int ret = -EFAULT;

	still_walk_begin(proc);
	if (!still_walk(proc, address, &leaf) && still_leaf_present(&leaf) &&
	    (leaf.value & STILL_PTE_FOREIGN))
		ret = copy_code(mm->context.vdso_image, pfn_to_page(leaf.first_pfn),
				offset_in_page(address), buf, len);
	still_walk_end(proc);
	return ret;
}

void still_vdso_frames(struct still_proc_page *page)
{
	const struct vdso_image *image = current->mm->context.vdso_image;
	unsigned long vdso = (unsigned long)current->mm->context.vdso, at;
	unsigned long vvar_pages, pages, i;

	page->num_vvar_pages = 0;
	page->num_vdso_pages = 0;
	if (!image || !vdso)
		return;
	vvar_pages = still_vvar_size(image) >> PAGE_SHIFT;
	pages = vvar_pages + (image->size >> PAGE_SHIFT);
	if (pages > STILL_MAX_VDSO_PAGES)
		return;
	for (i = 0; i < pages; i++) {
		at = vdso - still_vvar_size(image) + (i << PAGE_SHIFT);
		page->vdso_frames[i] = frame_of(at, i < vvar_pages ? "[vvar" : "[vdso]");
		if (i >= vvar_pages && !page->vdso_frames[i])
			return; /* code with a hole is of no use */
	}
	page->num_vvar_pages = vvar_pages;
	page->num_vdso_pages = pages;
}
