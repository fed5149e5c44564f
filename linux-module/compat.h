/* SPDX-License-Identifier: GPL-2.0-only */
/* All that differs between Linux versions. Built and run on 6.1, 6.12 and 7.2. */
#ifndef STILL_COMPAT_H
#define STILL_COMPAT_H

#include <linux/device.h>
#include <linux/fs.h>
#include <linux/fsnotify_backend.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/version.h>
#include <linux/workqueue.h>
#include <asm/msr.h>
#include <asm/vdso.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
#include <asm/vdso/vsyscall.h>
#endif
#ifdef __CHECKER__ /* sparse, which looks at it on 6.1, does not know __has_include */
#include <linux/pagevec.h>
#elif __has_include(<linux/folio_batch.h>)
#include <linux/folio_batch.h>
#else
#include <linux/pagevec.h>
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}
static inline void vm_flags_clear(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags &= ~flags;
}
#define still_const_devnode
#else
#define still_const_devnode const
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#define system_dfl_wq system_unbound_wq
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 16, 0)
#define rdmsrq(msr, value) rdmsrl(msr, value)
#define rdmsrq_safe(msr, value) rdmsrl_safe(msr, value)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
#define still_class_create(name) class_create(THIS_MODULE, name)
#else
#define still_class_create(name) class_create(name)
#endif

#ifndef FSNOTIFY_GROUP_NOFS /* all are so now */
#define FSNOTIFY_GROUP_NOFS 0
#endif

static inline struct fsnotify_mark *still_find_inode_mark(struct inode *inode,
							  struct fsnotify_group *group)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
	return fsnotify_find_mark(&inode->i_fsnotify_marks, group);
#else
	return fsnotify_find_inode_mark(inode, group);
#endif
}

/* ns. No lock: what is read amid a change equals neither what was there before nor, later, what is. */
static inline s64 still_inode_ctime(const struct inode *inode)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
	return timespec64_to_ns(&inode->i_ctime);
#else
	struct timespec64 ctime = inode_get_ctime(inode);

	return timespec64_to_ns(&ctime);
#endif
}

static inline int still_alloc_contig(unsigned long pfn, unsigned long pages)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
	return alloc_contig_range(pfn, pfn + pages, MIGRATE_MOVABLE, GFP_KERNEL | __GFP_NOWARN);
#else
	return alloc_contig_range(pfn, pfn + pages, ACR_FLAGS_NONE, GFP_KERNEL | __GFP_NOWARN);
#endif
}

/* In ->fault, before waiting: lets go of what the fault holds. The handler must return VM_FAULT_RETRY. */
static inline void still_release_fault_lock(struct vm_fault *vmf)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
	mmap_read_unlock(vmf->vma->vm_mm);
#else
	release_fault_lock(vmf);
#endif
}

/* Whether io_uring registers memory by what file it is of: see pinnable.c. */
#define STILL_PINS_BY_FILE (LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0))

/* The page at an address of the caller, with a reference. mmap_lock held; may sleep. */
static inline bool still_get_page(unsigned long address, struct page **page)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	return get_user_pages(address, 1, 0, page, NULL) == 1;
#else
	return get_user_pages(address, 1, 0, page) == 1;
#endif
}

static inline bool still_can_mmap(const struct file *file)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 16, 0)
	return file->f_op->mmap;
#else
	return file->f_op->mmap || file->f_op->mmap_prepare;
#endif
}

/* How often Linux maps a page that is no part of a larger one. */
static inline int still_mapcount(struct page *page)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
	return page_mapcount(page);
#else
	return folio_mapcount(page_folio(page));
#endif
}

/* The time pages that lie right below a vDSO, in bytes. */
static inline unsigned long still_vvar_size(const struct vdso_image *image)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 16, 0)
	return -image->sym_vvar_start;
#else
	return __VDSO_PAGES * PAGE_SIZE;
#endif
}

/* An entry of a mapping of device memory. */
struct still_device_pte {
	unsigned long pfn;
	bool writable;
	u64 cache; /* the bits that choose the memory type */
};

/* mmap_lock held. 0, or an error: nothing is mapped there. */
static inline int still_device_pte(struct vm_area_struct *vma, unsigned long address,
				   struct still_device_pte *entry)
{
	const u64 cache = _PAGE_PWT | _PAGE_PCD | _PAGE_PAT;
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
	spinlock_t *lock;
	pte_t *pte;
	int ret = follow_pte(vma->vm_mm, address, &pte, &lock);

	if (ret)
		return ret;
	__acquire(lock); /* for sparse: follow_pte() does not say so */
	entry->pfn = pte_pfn(*pte);
	entry->writable = pte_write(*pte);
	entry->cache = pte_flags(*pte) & cache;
	pte_unmap_unlock(pte, lock);
#else
	struct follow_pfnmap_args args = { .vma = vma, .address = address };
	int ret = follow_pfnmap_start(&args);

	if (ret)
		return ret;
	entry->pfn = args.pfn;
	entry->writable = args.writable;
	entry->cache = pgprot_val(args.pgprot) & cache;
	follow_pfnmap_end(&args);
#endif
	return 0;
}

#endif
