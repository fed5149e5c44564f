/* SPDX-License-Identifier: GPL-2.0-only */
/* An LWK whose CPUs stand still. os->lock is held by all but still_stands_still() and still_ask_by_nmi(). */
#ifndef STILL_FREEZE_H
#define STILL_FREEZE_H

#include "os.h"

int still_freeze(struct still_handle *handle, struct still_freeze *request);
int still_thaw(struct still_handle *handle, struct still_freeze *request);
void still_freeze_closed(struct still_handle *handle);
void still_let_go(struct still_os *os);

/* Has every CPU write its registers down; returns the ticket by which they will say so. */
u32 still_ask_by_nmi(struct still_os *os);
u32 still_ask_cpu_by_nmi(struct still_os *os, u32 cpu);
bool still_has_answered(const struct still_os *os, u32 cpu, u32 ticket);

/* No CPU executes anything, and each drops its translations before it does again. */
static inline bool still_stands_still(const struct still_os *os)
{
	return READ_ONCE(os->stands_still);
}

#endif
