// SPDX-License-Identifier: GPL-2.0-only
/*
 * A word that stands for a file and its present contents, so that the LWK may keep pages of it: as long as the word
 * is the same, so is what a read would give. It is made of what stat(2) shows here and of the inode's identity, with
 * a secret, so that nobody can make a file that passes for another one.
 *
 * Times are as coarse as the tick: a file that was changed within the last two seconds has no key, since it may be
 * changed once more without showing it. Nor has a file that somebody has open for writing, as everybody has who has
 * it mapped so, since a store into a mapping may change no time (on a tmpfs after a read of the same page); when it
 * is closed it gets another key. Nor one with pages that are pinned: io_uring and RDMA write to what a program has
 * registered also after it has unmapped it. A pin for writing needs an open file, so that pages are looked through
 * only once after that; as long as there is one they are looked through each time. Nor one of a file system whose
 * contents come and go behind Linux's back (those that show kernel state, FUSE). Where another machine may change
 * files (NFS, 9p) a change is seen as stat(2) sees it.
 */
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/once.h>
#include <linux/pagemap.h>
#include <linux/random.h>
#include <linux/siphash.h>
#include <linux/stat.h>
#include <linux/timekeeping.h>

#include "compat.h"
#include "cuts.h"
#include "proxy.h"

#define SETTLED_SECONDS 2

bool still_file_lasts(struct file *file)
{
	const struct inode *inode = d_real_inode(file->f_path.dentry); /* below an overlay */
	const struct super_block *sb;

	if (!inode)
		return false;
	sb = inode->i_sb;

	/* SB_I_NOEXEC: proc, sysfs and their like. */
	return S_ISREG(inode->i_mode) && !(sb->s_iflags & SB_I_NOEXEC) &&
	       sb->s_magic != FUSE_SUPER_MAGIC && !inode_is_open_for_write(inode) &&
	       !mapping_writably_mapped(inode->i_mapping);
}

static bool has_pinned(struct address_space *mapping)
{
	struct folio_batch batch;
	bool pinned = false;
	pgoff_t at = 0;
	unsigned int i;

	folio_batch_init(&batch);
	while (!pinned && filemap_get_folios(mapping, &at, -1, &batch)) {
		for (i = 0; i < folio_batch_count(&batch); i++)
			pinned |= folio_maybe_dma_pinned(batch.folios[i]);
		folio_batch_release(&batch);
		cond_resched();
	}
	return pinned;
}

static u64 make_key(struct file *file, struct inode *inode, unsigned int changes)
{
	static siphash_key_t secret;
	struct kstat stat;
	s64 age;
	u64 key;

	if (vfs_getattr(&file->f_path, &stat, STATX_BASIC_STATS, AT_STATX_SYNC_AS_STAT))
		return 0;
	age = ktime_get_real_seconds() - stat.ctime.tv_sec;
	if (age <= SETTLED_SECONDS)
		return 0;
	get_random_once(&secret, sizeof(secret));
	{
		const u64 facts[] = {
			(unsigned long)inode,
			inode->i_sb->s_dev,
			inode->i_ino,
			inode->i_generation,
			stat.size,
			stat.ctime.tv_sec,
			stat.ctime.tv_nsec,
			stat.mtime.tv_sec,
			stat.mtime.tv_nsec,
			changes,
		};

		key = siphash(facts, sizeof(facts), &secret);
	}
	return key ?: 1;
}

/*
 * A program's start maps each of its libraries several times: what was just found is not looked for once more, if
 * the file has not been changed meanwhile.
 */
u64 still_file_key(struct file *file, struct still_watched *watched, bool fresh)
{
	struct inode *inode = d_real_inode(file->f_path.dentry);
	unsigned int changes;
	bool unpinned;
	s64 ctime;
	u64 key;

	if (!watched || !still_file_lasts(file))
		return 0;
	ctime = still_inode_ctime(inode);
	key = still_watched_key(watched, ctime, &changes, &unpinned);
	if (key && !fresh)
		return key;
	if (!unpinned && has_pinned(inode->i_mapping))
		return 0;
	key = make_key(file, inode, changes);
	still_watched_set_key(watched, key, ctime, changes);
	return key;
}
