/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef STILL_ZAP_H
#define STILL_ZAP_H

#include <linux/types.h>
#include <linux/workqueue.h>

struct still_letter;
struct still_leaf;
struct still_os;
struct still_proc;

/* zap.c */
/* All that Linux has mapped of a process below end; whoever inserts a page meanwhile finds out that he may not. */
void still_zap_all(struct still_proc *proc, u64 end);
int still_zapper_start(struct still_os *os);
void still_zapper_stop(struct still_os *os);
void still_zap_queue(struct still_os *os, struct still_letter *letter);

/* quarantine.c */
void still_quarantine_init(struct still_os *os);
void still_quarantine_stop(struct still_os *os);
unsigned long still_quarantine_range(struct still_proc *proc, u64 start, u64 end,
				     bool departing_only);
unsigned long still_mark_pinned(struct still_proc *proc, u64 start, u64 end);
unsigned long still_count_pinned(struct still_proc *proc, u64 start, u64 end);
unsigned long still_quarantine_process(struct still_proc *proc);

#endif
