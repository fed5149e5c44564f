/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process of an instance as Linux sees it: mcexec's open file, its slots, its part of the unified
 * address space. Two things keep it: the device's open file and the pseudo file (held by every mapping).
 * When both are gone, the reaper asks the LWK to forget it and frees it.
 */
#ifndef STILL_PROXY_H
#define STILL_PROXY_H

#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <stillcore/ikc.h>
#include <stillcore/ioctl_proc.h>

struct still_group;
struct still_letter;
struct still_process_query;
struct still_usage_query;
struct still_os;
struct still_watched;

#define STILL_MAX_FILES 4096  /* mapped files of a process */
#define STILL_FAULT_ERRORS 64 /* a power of two */
#define STILL_WINDOW_SHIFT 47 /* file offset = index << 47 | address */
#define STILL_AREA_ORDER 2    /* still_proc_page and the first slots */
#define STILL_CHUNK_ORDER 5   /* each further chunk of slots */

enum still_stage { STILL_STAGE_NEW, STILL_STAGE_CREATED, STILL_STAGE_BUILT, STILL_STAGE_STARTED };

/* The proxy thread of a slot. */
struct still_worker {
	wait_queue_head_t wait;
	struct task_struct *task; /* slot_lock */
	/* waiting.c: the last call that was seen unanswered, and since when */
	u32 seen_seq;
	unsigned long seen_at;
};

/* The answer to a fault-in that could not be returned, since the handler had to say RETRY. */
struct still_fault_error {
	const struct task_struct *task; /* compared, never followed */
	unsigned long address;
	int error;
};

/* Slots that lie together, and their workers. The first chunk lies behind the process's page. */
struct still_slot_chunk {
	struct page *pages; /* of the slots; NULL: there is no such chunk yet */
	struct still_slot *slots;
	struct still_worker *workers;
};

/* A file that the program has mapped privately, both referenced. file NULL: the place is free. */
struct still_kept_file {
	struct file *file;
	struct still_watched *watched; /* or NULL (cuts.c) */
};

struct still_proc {
	struct kref ref;
	void (*free)(struct kref *ref);
	struct still_os *os;
	u32 id;    /* table index | generation << 16 */
	bool dead; /* the LWK does not know it (any more): nothing is sent. procs_lock */
	u64 window;
	bool closed; /* the device's file is */
	atomic_t holders;
	struct work_struct reap_work;
	struct list_head zombie;

	struct mutex lock;
	enum still_stage stage;
	struct pid *tgid;     /* NULL: forked and not adopted yet */
	struct mm_struct *mm; /* mmgrab; likewise */
	struct file *mm_file; /* the pseudo file, while the device is open */
	struct file *own_exe; /* what SET_EXE replaced */

	atomic_t
		pinnable_changes; /* of what STILL_IOC_MAP_PINNABLE has mapped, to something else */
	wait_queue_head_t pinnable_wait;

	struct page *area;
	struct still_proc_page *page;
	u64 root; /* physical address of the LWK's top-level table */

	spinlock_t slot_lock;
	struct still_slot_chunk chunks[STILL_MAX_CHUNKS]; /* appear under slot_lock, and stay */

	spinlock_t file_lock;
	struct still_kept_file *files; /* [STILL_MAX_FILES] */
	int num_files; /* one more than the highest that was ever used; only grows */

	spinlock_t fault_lock;
	struct still_fault_error fault_errors[STILL_FAULT_ERRORS];

	/* peers.c: under procs_lock */
	struct still_group *group; /* or NULL; as long as it lives */
	u32 rank;
	bool left;

	/* mirror.c */
	struct mmu_interval_notifier notifier; /* if watched */
	struct mutex mirror_mutex;
	bool watched;           /* mirror_mutex */
	bool mirror_stopped;    /* mirror_mutex */
	spinlock_t mirror_lock; /* the notifier's sequence, as it guards the LWK's entries */
	atomic64_t flush_ticket;
};

static inline u32 still_proc_index(const struct still_proc *proc)
{
	return proc->id & 0xffff;
}

/* Where the pseudo file has the process's address 0. */
static inline u64 still_proc_window(const struct still_proc *proc)
{
	return proc->window;
}

/* What an open /dev/ihkN is. */
struct still_handle {
	struct still_os *os;
	struct mutex lock;
	struct still_proc *proc;
	bool holds; /* the LWK's CPUs, for a dump. os->lock */
};

/* proxy_life.c */
struct still_proc *still_proc_new(struct still_os *os);
void still_proc_adopt(struct still_proc *proc);
void still_proc_closed(struct still_proc *proc);
void still_procs_forget(struct still_os *os);
void still_procs_died(struct still_os *os);

/* proxy.c */
int still_proxy_init(void);
void still_proxy_exit(void);
void still_proxy_flush(void);
int still_proc_add(struct still_proc *proc);
void still_proc_put(struct still_proc *proc);
struct still_proc *still_proc_find(struct still_os *os, u32 id);
struct still_proc *still_proc_next(struct still_os *os, unsigned int *index);
struct still_proc *still_proc_of_current(struct still_os *os);
bool still_proc_alive(const struct still_proc *proc);
void still_proc_drop_holder(struct still_proc *proc);
bool still_proc_in_app_range(const struct still_proc *proc, u64 start, u64 end);

/* proxy_ioctl.c */
long still_proxy_ioctl(struct still_handle *handle, unsigned int cmd, void __user *arg);

/* proxy_fork.c */
int still_proc_introduce(struct still_proc *proc, struct still_msg *msg, struct file **file);
int still_proxy_fork(struct still_proc *parent, struct still_proc_fork __user *arg);
int still_proxy_adopt(struct still_proc *proc);

/* slots.c */
int still_slots_mmap(struct still_proc *proc, struct vm_area_struct *vma);
int still_slot_attach(struct still_proc *proc, u32 slot);
int still_slot_sleep(struct still_proc *proc, const struct still_slot_wait *wait);
int still_slot_answered(struct still_proc *proc, u32 slot);
void still_slot_wake(struct still_os *os, const struct still_msg *msg);
void still_slot_interrupt(struct still_os *os, const struct still_msg *msg);
int still_slot_alike(struct still_os *os, const struct still_msg *msg);
void still_proc_note_stop(struct still_proc *proc, bool stopped);
void still_procs_watch_stops(struct still_os *os);
bool still_slot_is_mine(struct still_proc *proc, u32 slot);
void still_slots_end_waits(struct still_proc *proc);
int still_slots_init(struct still_proc *proc);
void still_slots_free(struct still_proc *proc);
void still_slots_grow(struct still_letter *letter);

/* alike.c */
bool still_tasks_alike(const struct task_struct *spare, const struct task_struct *parent);

/* vdso.c */
void still_vdso_frames(struct still_proc_page *page);
int still_vdso_read(struct still_proc *proc, const struct mm_struct *mm, u64 address, void *buf,
		    int len);

/* report.c */
struct still_process_query;
int still_report_next(struct still_os *os, struct still_process_query *query);
int still_usage_next(struct still_os *os, struct still_usage_query *query);
int still_report_to_user(struct still_proc *asker, struct still_report __user *arg);
int still_file_name(struct still_proc *asker, struct still_file_name __user *arg);

/* signalfd.c */
int still_signalfd(struct still_proc *proc, const struct still_signalfd *request);
void still_signal_news(struct still_os *os, u64 set);

/* pose.c */
long still_pose(const struct still_pose __user *arg);

/* exe.c */
int still_exe_set(struct still_proc *proc, int fd);
int still_exe_own(struct still_proc *proc);

/* proxy_files.c */
struct file *still_proxy_get_file(struct still_proc *proc, u64 handle);
int still_proxy_map_file(struct still_proc *proc, struct still_map_file *request);
bool still_proxy_has_file(struct still_proc *proc, int handle);
void still_proxy_fill(struct still_letter *letter);
void still_proxy_file_key(struct still_letter *letter);
void still_proxy_file_close(struct still_os *os, const struct still_msg *msg);
void still_proxy_files_copy(struct still_proc *child, struct still_proc *parent);
void still_proxy_files_free(struct still_proc *proc);

/* file_key.c */
/* 0: it has none. fresh: whatever was found before. May sleep. */
u64 still_file_key(struct file *file, struct still_watched *watched, bool fresh);
/* Whether its contents change only by what a key shows. Any context. */
bool still_file_lasts(struct file *file);

/* pseudo_file.c */
int still_pseudo_init(void);
void still_pseudo_exit(void);
struct inode *still_pseudo_inode(void);
struct file *still_pseudo_open(struct still_proc *proc);

#endif
