/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An OS instance, /dev/ihkN.
 *
 * Locks, outermost first:
 *   os->lock                  configuration, boot, shutdown
 *   still_partition_lock      what belongs to whom (partition.h)
 *   proc->lock                order of a process's ioctls
 *   os->report_lock           the report area: one question at a time
 *   channel->rx_lock          spin, irqs off; inside it:
 *     os->procs_lock -> proc->slot_lock -> Linux's sighand lock
 *     channel->tx_lock, channel->call_lock, os->letter_lock, os->zap_lock: leaves
 *   os->state_lock            spin, irqs off, a leaf
 *   proc->mirror_mutex        outside mmap_lock; proc->mirror_lock: spin, a leaf, inside all of Linux's
 * page lock -> i_mmap lock in proxy_mm.c and zap.c, as in Linux's own truncate; nothing of the above is
 * taken inside them but RCU and the counters.
 */
#ifndef STILL_OS_H
#define STILL_OS_H

#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <stillcore/ioctl_admin.h>

#include "ikc.h"
#include "partition.h"

#define STILL_MAX_PROCS 1024 /* entry 0 is not used: process ids are never 0 */

struct still_image;
struct still_spans;
struct still_proc;
struct still_handle;

/* Pages of Linux that an LWK is told of. */
struct still_area {
	void *va;
	size_t size;
};

/* The page below 1 MiB that CPUs start by, while an LWK has it. */
struct still_trampoline {
	phys_addr_t phys;
	void *va;
	void *saved;
};

struct still_bell;

struct still_os {
	struct device dev;
	struct cdev cdev;
	struct list_head list; /* still_partition_lock */
	int index;
	struct mutex lock;
	bool gone; /* destroyed, only open files are left */

	spinlock_t state_lock;
	enum still_os_state state; /* written under lock, by death under state_lock */
	bool alive;                /* cores run an LWK that answers */
	bool cores_running;        /* cores may touch memory: INITed only when false. procs_lock */
	bool cores_wait;      /* for a SIPI: each was stopped by an INIT, and none came since */
	bool stands_still;    /* freeze.c */
	unsigned int holders; /* who want it so for a dump. lock */
	struct work_struct death_work;
	char death[160];

	struct still_core cores[STILL_MAX_CPUS];
	unsigned int num_cores;
	struct still_pool memory;
	bool memory_used;                /* since it was assigned an LWK ran in it */
	struct still_spans __rcu *spans; /* the memory, sorted */
	u32 nodes
		[STILL_MAX_NODES]; /* Linux's number of each node of the instance, since the last boot */
	u32 num_nodes;

	struct still_image *image;
	u64 image_phys; /* where it lies since the last boot, and how large it is there */
	u64 image_span;
	char cmdline[1024];

	/* As long-lived as the instance, so that readers and senders need not ask whether it is up. */
	struct still_shared *shared;
	struct still_log *log;
	u64 log_cleared;
	void *report; /* STILL_REPORT_BYTES, written by the LWK; report_lock */
	struct mutex report_lock;
	struct still_channel *channels; /* [STILL_MAX_CPUS] */
	unsigned int num_channels;      /* CPUs of the last boot */

	struct still_area block_area;
	struct still_area rings_area;
	struct still_area tables_area;

	struct still_bell
		*bells[STILL_MAX_CPUS]; /* doorbell.c; the first is for those without a server */
	atomic64_t doorbells;

	struct still_letter *letters;
	struct list_head free_letters;
	spinlock_t letter_lock;
	bool starved;
	struct work_struct drain_work;
	struct delayed_work flush_work;
	struct workqueue_struct *workers;
	struct workqueue_struct *mirror_workers;
	atomic_t next_cpu;
	atomic64_t bad_messages;

	struct delayed_work watch_work;
	unsigned int watch_ticks;

	struct task_struct *zapper;
	struct list_head zap_list;
	spinlock_t zap_lock;
	wait_queue_head_t zap_wait;
	atomic64_t zaps;

	struct list_head quarantine; /* by page->lru */
	spinlock_t quarantine_lock;
	unsigned long num_quarantined;
	struct delayed_work quarantine_work;

	struct inode *inode;   /* of the unified address space */
	struct file *disguise; /* or NULL: see pinnable.c */
	atomic64_t faults;
	atomic64_t tries[3]; /* see still_status */
	atomic64_t lost_tries;
	atomic64_t fault_ins;
	atomic64_t fills;
	atomic64_t mirror_faults;
	atomic64_t invalidations;

	struct list_head signal_files; /* signalfd.c */
	spinlock_t signal_lock;

	spinlock_t procs_lock;
	struct still_proc *procs[STILL_MAX_PROCS];
	u16 generations[STILL_MAX_PROCS];
	unsigned int num_procs;
	struct list_head groups;  /* peers.c */
	bool far_slots;           /* peers.h: beyond all addresses of Linux's programs */
	struct list_head zombies; /* not released by a dead LWK: freed once its cores are stopped */
};

/* os_life.c */
int still_os_create(void);
int still_os_destroy(int index, char *text);
void still_os_destroy_all(void);

/* os.c */
extern struct list_head still_instances;
struct still_os *still_os_find(int index);
struct still_os *still_os_get_by_index(int index);
struct still_os *still_os_next(int *index);
void still_os_list(struct still_instances *list);
bool still_os_memory_overlaps(unsigned long pfn, unsigned long pages);
void still_os_died(struct still_os *os, enum still_os_state state, const char *why);
bool still_os_check(struct still_os *os);
void still_os_unmap_all(struct still_os *os);
void still_os_set_state(struct still_os *os, enum still_os_state state);
void still_os_move(struct still_os *os, enum still_os_state from, enum still_os_state to);

/* spans.c */
int still_spans_build(struct still_os *os);
int still_spans_build_with(struct still_os *os, const struct still_pool *more);
void still_spans_free(struct still_os *os);
bool still_os_owns(const struct still_os *os, unsigned long pfn, unsigned long pages);

/* handle.c */
struct still_handle *still_handle_new(struct still_os *os);
void still_handle_free(struct still_handle *handle);
struct file *still_handle_open(struct still_proc *proc);

/* os_device.c */
int still_device_init(void);
void still_device_exit(void);
int still_device_add(struct still_os *os);
void still_device_del(struct still_os *os);
static inline void still_os_get(struct still_os *os)
{
	get_device(&os->dev);
}
static inline void still_os_put(struct still_os *os)
{
	put_device(&os->dev);
}

/* os_ioctl.c, status.c */
long still_os_ioctl(struct still_handle *handle, unsigned int cmd, void __user *arg);
int still_status(struct still_os *os, struct still_status *status);
int still_kmsg(struct still_os *os, struct still_kmsg *kmsg);
int still_clear_kmsg(struct still_os *os);

/* boot.c */
int still_os_boot(struct still_os *os, struct still_boot *request);
int still_os_shutdown(struct still_os *os, struct still_shutdown *request);
void still_os_stop_everything(u32 timeout_ms);
int still_borrow_trampoline(struct still_trampoline *page, char *text);
void still_return_trampoline(struct still_trampoline *page);

/* watch.c */
int still_watch_init(void);
void still_watch_exit(void);
void still_watch_work(struct work_struct *work);

#endif
