/* SPDX-License-Identifier: GPL-2.0-only */
/* Files that are mapped privately and cut off. */
#ifndef STILL_CUTS_H
#define STILL_CUTS_H

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
void still_cuts_told(struct still_letter *letter);

#endif
