/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef STILL_HANG_H
#define STILL_HANG_H

#include <linux/types.h>

struct still_os;

/* Once a second. True: the LWK has been declared dead. */
bool still_watch_cpus(struct still_os *os);
/* The CPU that has been suspected for longest, in words, or "". From anywhere. */
void still_name_suspect(struct still_os *os, char *text, size_t space);
void still_watch_afresh(struct still_os *os);

#endif
