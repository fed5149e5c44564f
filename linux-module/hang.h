/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef STILL_HANG_H
#define STILL_HANG_H

struct still_os;

/* Once a second. True: the LWK has been declared dead. */
bool still_watch_cpus(struct still_os *os);
void still_watch_afresh(struct still_os *os);

#endif
