/* SPDX-License-Identifier: GPL-2.0-only */
/* Files that are mapped privately and cut off. */
#ifndef STILL_CUTS_H
#define STILL_CUTS_H

#include <linux/types.h>

struct file;
struct still_letter;
struct still_watched;

int still_cuts_init(void);
void still_cuts_exit(void);
/* A reference, or NULL. Process context. */
struct still_watched *still_watched_file(struct file *file);
/* Any context; NULL is none. */
struct still_watched *still_watched_get(struct still_watched *watched);
void still_watched_put(struct still_watched *watched);
/*
 * The file's key if it was found within the last moments, and the file was not changed since: neither by a call nor,
 * which ctime tells (the inode's, ns), by a store into a mapping. Or 0. changes: how often it was changed, or closed by
 * somebody who might have. unpinned: since the last time it was looked for pins, and there was none.
 */
u64 still_watched_key(struct still_watched *watched, s64 ctime, unsigned int *changes,
		      bool *unpinned);
/* What was found after that call. */
void still_watched_set_key(struct still_watched *watched, u64 key, s64 ctime, unsigned int changes);
void still_cuts_told(struct still_letter *letter);

#endif
