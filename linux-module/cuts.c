// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files that a program has mapped privately, and that are cut off: natively their pages go from every mapping, and who
 * touches them has SIGBUS. The LWK's pages Linux knows nothing of. So the module watches such files as inotify does: a
 * file that is shorter after a change than before it was cut off, and every process that has it mapped is told.
 *
 * The event comes in the thread that changes the file, with the file locked: it only takes down how short the file has
 * become. The work behind it asks the LWKs; however many cuts come meanwhile, it makes one question of them. A program
 * on the LWK that has cut off a file itself waits for it (STILL_MSG_CUTS_TOLD), as the call would natively.
 *
 * A watch goes with its inode, or with the module: files are mapped again and again.
 */
#include <linux/fs.h>
#include <linux/fsnotify_backend.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "cuts.h"
#include "ikc.h"
#include "os.h"
#include "proxy.h"

#define NOT_CUT S64_MAX
#define KEY_LASTS msecs_to_jiffies(10)

struct still_watched {
	struct fsnotify_mark mark;
	atomic64_t size;       /* as of the last change; NOT_CUT: none was seen */
	atomic64_t cut_to;     /* the shortest since the LWKs were told; or NOT_CUT */
	struct list_head all;  /* lock; while the mark is alive */
	struct list_head told; /* lock; on the list of those to tell of, with a reference */
	spinlock_t key_lock;
	unsigned int changes;    /* key_lock, as all that follows */
	bool unpinned;           /* none of its pages was pinned when the key was found */
	u64 key;                 /* file_key.c; 0: not known */
	s64 key_ctime;           /* of the inode when the key was found */
	unsigned long key_until; /* jiffies */
};

static struct fsnotify_group *group;
static DEFINE_SPINLOCK(lock);
static LIST_HEAD(all);
static LIST_HEAD(to_tell);
static bool is_closing; /* lock */

static struct still_watched *watched_of(struct fsnotify_mark *mark)
{
	return container_of(mark, struct still_watched, mark);
}

struct still_watched *still_watched_get(struct still_watched *watched)
{
	if (watched)
		refcount_inc(&watched->mark.refcnt);
	return watched;
}

void still_watched_put(struct still_watched *watched)
{
	if (watched)
		fsnotify_put_mark(&watched->mark);
}

/* still_ikc_call() and a mutex: may sleep. */
static void tell_process(struct still_proc *proc, struct still_watched *watched, u64 bytes)
{
	struct still_msg msg = { .kind = STILL_MSG_FILE_CUT, .proc = proc->id };
	bool is_it;
	int handle;

	for (handle = 0; handle < READ_ONCE(proc->num_files) && still_proc_alive(proc); handle++) {
		spin_lock(&proc->file_lock);
		is_it = proc->files[handle].file && proc->files[handle].watched == watched;
		spin_unlock(&proc->file_lock);
		if (!is_it)
			continue;
		msg.arg[0] = handle;
		msg.arg[1] = bytes;
		still_ikc_call(proc->os, still_ikc_pick_cpu(proc->os), &msg, NULL, false);
	}
}

static void tell_all(struct still_watched *watched, u64 bytes)
{
	struct still_os *os;
	int index = 0;

	while ((os = still_os_next(&index))) {
		struct still_proc *proc;
		unsigned int i = 0;

		while ((proc = still_proc_next(os, &i))) {
			tell_process(proc, watched, bytes);
			still_proc_put(proc);
		}
		still_os_put(os);
	}
}

static struct still_watched *next_to_tell(void)
{
	struct still_watched *watched;

	spin_lock(&lock);
	watched = list_first_entry_or_null(&to_tell, struct still_watched, told);
	if (watched)
		list_del_init(&watched->told);
	spin_unlock(&lock);
	return watched;
}

static void tell(struct work_struct *work)
{
	struct still_watched *watched;

	while ((watched = next_to_tell())) {
		tell_all(watched, atomic64_xchg(&watched->cut_to, NOT_CUT));
		still_watched_put(watched);
	}
}
static DECLARE_WORK(tell_work, tell);

static int on_change(struct fsnotify_mark *mark, u32 mask, struct inode *inode, struct inode *dir,
		     const struct qstr *name, u32 cookie)
{
	struct still_watched *watched = watched_of(mark);
	s64 size = i_size_read(inode), shortest;

	spin_lock(&watched->key_lock);
	watched->changes++;
	watched->unpinned = false;
	watched->key = 0;
	spin_unlock(&watched->key_lock);
	if (size >= atomic64_xchg(&watched->size, size))
		return 0;
	shortest = atomic64_read(&watched->cut_to);
	while (size < shortest && !atomic64_try_cmpxchg(&watched->cut_to, &shortest, size))
		;
	spin_lock(&lock);
	/* A mark that is being destroyed may still be found, with no reference left. */
	if (!is_closing && list_empty(&watched->told) && refcount_inc_not_zero(&mark->refcnt)) {
		list_add_tail(&watched->told, &to_tell);
		queue_work(system_dfl_wq, &tell_work);
	}
	spin_unlock(&lock);
	return 0;
}

static void on_end_of_mark(struct fsnotify_mark *mark, struct fsnotify_group *of)
{
	spin_lock(&lock);
	list_del_init(&watched_of(mark)->all);
	spin_unlock(&lock);
}

static void free_mark(struct fsnotify_mark *mark)
{
	kfree(watched_of(mark));
}

static const struct fsnotify_ops ops = {
	.handle_inode_event = on_change,
	.freeing_mark = on_end_of_mark,
	.free_mark = free_mark,
};

static struct still_watched *find(struct inode *inode)
{
	struct fsnotify_mark *mark = still_find_inode_mark(inode, group);

	return mark ? watched_of(mark) : NULL;
}

/* The caller holds the file. NULL: it can't be cut off, or memory is short, and then it is not watched. */
struct still_watched *still_watched_file(struct file *file)
{
	struct inode *inode = file_inode(file);
	struct still_watched *watched;

	if (!S_ISREG(inode->i_mode))
		return NULL;
	watched = find(inode);
	if (watched)
		return watched;
	watched = kzalloc(sizeof(*watched), GFP_KERNEL);
	if (!watched)
		return NULL;
	fsnotify_init_mark(&watched->mark, group);
	watched->mark.mask = FS_MODIFY | FS_CLOSE_WRITE;
	watched->mark.flags |= FSNOTIFY_MARK_FLAG_NO_IREF;
	spin_lock_init(&watched->key_lock);
	atomic64_set(&watched->size, NOT_CUT);
	atomic64_set(&watched->cut_to, NOT_CUT);
	INIT_LIST_HEAD(&watched->told);
	spin_lock(&lock);
	list_add(&watched->all, &all);
	spin_unlock(&lock);
	if (fsnotify_add_inode_mark(&watched->mark, inode, 0)) { /* somebody was quicker */
		on_end_of_mark(&watched->mark, group);
		still_watched_put(watched);
		return find(inode);
	}
	atomic64_cmpxchg(&watched->size, NOT_CUT, i_size_read(inode));
	return watched;
}

u64 still_watched_key(struct still_watched *watched, s64 ctime, unsigned int *changes,
		      bool *unpinned)
{
	u64 key = 0;

	spin_lock(&watched->key_lock);
	*changes = watched->changes;
	*unpinned = watched->unpinned;
	if (watched->key_ctime == ctime && time_before(jiffies, watched->key_until))
		key = watched->key;
	spin_unlock(&watched->key_lock);
	return key;
}

void still_watched_set_key(struct still_watched *watched, u64 key, s64 ctime, unsigned int changes)
{
	spin_lock(&watched->key_lock);
	if (watched->changes == changes) {
		watched->key = key;
		watched->unpinned = true;
		watched->key_ctime = ctime;
		watched->key_until = jiffies + KEY_LASTS;
	}
	spin_unlock(&watched->key_lock);
}

/* In one of the workers: all that was cut off before has been told. */
void still_cuts_told(struct still_letter *letter)
{
	flush_work(&tell_work);
	still_ikc_reply(letter, 0, 0);
}

int still_cuts_init(void)
{
	group = fsnotify_alloc_group(&ops, FSNOTIFY_GROUP_NOFS);
	return PTR_ERR_OR_ZERO(group);
}

/* There is no process any more. */
void still_cuts_exit(void)
{
	struct still_watched *watched;

	do {
		spin_lock(&lock);
		is_closing = true;
		watched = still_watched_get(
			list_first_entry_or_null(&all, struct still_watched, all));
		spin_unlock(&lock);
		if (watched)
			fsnotify_destroy_mark(&watched->mark, group);
		still_watched_put(watched);
	} while (watched);
	flush_work(&tell_work);
	fsnotify_wait_marks_destroyed(); /* they are freed by code of the module */
	fsnotify_put_group(group);
}
