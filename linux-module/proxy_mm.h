/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef STILL_PROXY_MM_H
#define STILL_PROXY_MM_H

#include <linux/mm.h>

struct file_operations;
struct still_os;
struct still_proc;
struct still_range;

/* Of these mappings vm_private_data is the pseudo file. */
extern const struct vm_operations_struct still_proxy_vm_ops;
/* As above, but every fault is one of a store, and there is no page_mkwrite. */
extern const struct vm_operations_struct still_pinnable_vm_ops;
/* As the first, but vm_file is another: see pinnable.c. */
extern const struct vm_operations_struct still_disguised_vm_ops;
/* As the first, of the memory of peers: see peers.c. */
extern const struct vm_operations_struct still_peers_vm_ops;

/* Is it one of these? */
bool still_is_pseudo(const struct vm_area_struct *vma);

/* pseudo_file.c: the pseudo file over a range of the caller's addresses. 0 or an error. Takes mmap_lock, may sleep. */
int still_pseudo_map(struct still_proc *proc, const struct still_range *range);
/* For pinnable.c: files of the same inode that are mapped in another way. */
struct file *still_pseudo_open_as(struct still_proc *proc, const struct file_operations *ops);
int still_pseudo_release(struct inode *inode, struct file *file);
int still_pseudo_cover(struct file *file, struct vm_area_struct *vma,
		       const struct vm_operations_struct *ops);
int still_pseudo_map_over(struct file *file, const struct still_range *range);

/* pinnable.c */
int still_pinnable_init(void);
void still_pinnable_exit(void);
struct file *still_pinnable_disguise(struct still_os *os);
/* STILL_IOC_MAP_PINNABLE and _ORDINARY. */
int still_pinnable_map(struct still_proc *proc, const struct still_range *range);
int still_pinnable_unmap(struct still_proc *proc);

#endif
