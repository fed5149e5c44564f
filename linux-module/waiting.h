/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef STILL_WAITING_H
#define STILL_WAITING_H

#include <stillcore/ioctl_admin.h>

struct still_os;

void still_note_waiting(struct still_os *os);
int still_list_waiting(struct still_os *os, struct still_calls *calls);

#endif
