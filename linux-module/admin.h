/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef STILL_ADMIN_H
#define STILL_ADMIN_H

int still_admin_init(void);
void still_admin_exit(void);

#endif
