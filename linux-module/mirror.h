/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory whose home is Linux, as the LWK's page tables mirror it. */
#ifndef STILL_MIRROR_H
#define STILL_MIRROR_H

struct still_letter;
struct still_proc;

void still_mirror_init(struct still_proc *proc);
void still_mirror_stop(struct still_proc *proc);
void still_mirror_serve(struct still_letter *letter);

#endif
