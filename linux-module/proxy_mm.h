/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef STILL_PROXY_MM_H
#define STILL_PROXY_MM_H

#include <linux/mm.h>

struct still_proc;
struct still_range;

extern const struct vm_operations_struct still_proxy_vm_ops;
/* As above, but every fault is one of a store, and there is no page_mkwrite. */
extern const struct vm_operations_struct still_pinnable_vm_ops;

/* The pseudo file over a range of the caller's addresses: as ever, or for such mappings (EBUSY: there lies something
 * else), or as ever again wherever it is for such. 0 or an error. Take mmap_lock, may sleep. */
int still_pseudo_map(struct still_proc *proc, const struct still_range *range);
int still_pseudo_map_pinnable(struct still_proc *proc, const struct still_range *range);
int still_pseudo_map_ordinary(struct still_proc *proc);

#endif
