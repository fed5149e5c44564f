/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What Linux gave up: CPUs and memory, who has them, and the books.
 *
 * Lock order: os->lock, then still_partition_lock. The CPU hotplug callback takes neither: it runs
 * under Linux's hotplug lock, which is taken inside still_partition_lock, and reads an atomic mask.
 */
#ifndef STILL_PARTITION_H
#define STILL_PARTITION_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <stillcore/ioctl_admin.h>

struct still_os;

extern struct mutex still_partition_lock;
extern struct still_accounts still_accounts;

struct still_core {
	u32 cpu; /* Linux's number */
	u32 apic_id;
	u32 node;
	u32 server; /* the CPU of Linux that takes its doorbells, or STILL_NO_CPU */
};

int still_cpu_init(void);
void still_cpu_exit(void);
int still_cpu_reserve(struct still_cpu_list *list);
int still_cpu_release(struct still_cpu_list *list);
void still_cpu_query(struct still_cpu_list *list, const struct still_os *owner);
int still_cpu_assign(struct still_os *os, struct still_cpu_list *list);
int still_cpu_check_owned(const struct still_os *os, struct still_cpu_list *list);
int still_cpu_unassign(struct still_os *os, struct still_cpu_list *list);
void still_cpu_drop(struct still_os *os, u32 cpu);
void still_cpu_unassign_all(struct still_os *os);
void still_cpu_release_all(void);

/* A physically contiguous piece of memory, aligned to and a multiple of 4 MiB. */
struct still_range_node {
	struct list_head list;
	unsigned long pfn;
	unsigned long pages;
	int node;
};

/* Ranges in ascending order, neighbours merged. */
struct still_pool {
	struct list_head ranges;
};

#define STILL_MEM_UNIT (4ul << 20)
#define STILL_MEM_UNIT_PAGES (STILL_MEM_UNIT >> 12)

void still_pool_init(struct still_pool *pool);
void still_pool_insert(struct still_pool *pool, struct still_range_node *range);
unsigned long still_pool_pages(const struct still_pool *pool, int node); /* -1: all nodes */
/* [pfn, pfn + pages) of one range. -ENOENT: it is not all of one range of that node. */
int still_pool_take(struct still_pool *from, struct still_pool *to, int node, unsigned long pfn,
		    unsigned long pages);
void still_pool_join(struct still_pool *from, struct still_pool *to);
int still_pool_move(struct still_pool *from, struct still_pool *to, int node, unsigned long pages);
bool still_pool_overlaps(const struct still_pool *pool, unsigned long pfn, unsigned long pages);
unsigned int still_pool_count(const struct still_pool *pool);

int still_mem_reserve(struct still_mem_list *list);
int still_mem_release(struct still_mem_list *list);
void still_mem_query(struct still_mem_list *list, const struct still_pool *pool);
int still_mem_assign(struct still_os *os, struct still_mem_list *list);
int still_mem_unassign(struct still_os *os, struct still_mem_list *list);
int still_mem_unassign_all(struct still_os *os, char *text);
void still_mem_release_all(void);
int still_mem_check_list(struct still_mem_list *list);
int still_mem_take_reserved(struct still_pool *to, struct still_mem_list *list);
void still_mem_clear(const struct still_pool *pool);
int still_mem_clean(struct still_os *os, const struct still_pool *pool, char *text);
extern struct still_pool still_reserved_memory;

#endif
