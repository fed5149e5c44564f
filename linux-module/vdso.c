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

#include "proxy.h"

static bool is_special(struct vm_area_struct *vma, const char *name)
{
	const char *its;

	if (!vma || vma->vm_file || !vma->vm_ops || !vma->vm_ops->name)
		return false;
	its = vma->vm_ops->name(vma);
	return its && !strcmp(its, name);
}

/* 0: a hole. What is there is made present first, by looking at it. */
static u64 frame_of(unsigned long address, const char *name)
{
	struct vm_area_struct *vma;
	spinlock_t *lock;
	u64 frame = 0;
	pte_t *pte;

	if (fault_in_readable((const char __user *)address, 1))
		return 0;
	mmap_read_lock(current->mm);
	vma = find_vma(current->mm, address);
	if (vma && vma->vm_start <= address && is_special(vma, name) &&
	    !follow_pte(current->mm, address, &pte, &lock)) {
		__acquire(lock); /* for sparse: follow_pte() does not say so */
		frame = (u64)pte_pfn(*pte) << PAGE_SHIFT;
		pte_unmap_unlock(pte, lock);
	}
	mmap_read_unlock(current->mm);
	return frame;
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
	vvar_pages = -image->sym_vvar_start >> PAGE_SHIFT;
	pages = vvar_pages + (image->size >> PAGE_SHIFT);
	if (pages > STILL_MAX_VDSO_PAGES)
		return;
	for (i = 0; i < pages; i++) {
		at = vdso + image->sym_vvar_start + (i << PAGE_SHIFT);
		page->vdso_frames[i] = frame_of(at, i < vvar_pages ? "[vvar]" : "[vdso]");
		if (i >= vvar_pages && !page->vdso_frames[i])
			return; /* code with a hole is of no use */
	}
	page->num_vvar_pages = vvar_pages;
	page->num_vdso_pages = pages;
}
