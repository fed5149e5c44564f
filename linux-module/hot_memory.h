/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef STILL_HOT_MEMORY_H
#define STILL_HOT_MEMORY_H

#include <stillcore/ioctl_admin.h>

struct still_os;

int still_mem_hot_add(struct still_os *os, struct still_mem_list *list);
int still_mem_hot_remove(struct still_os *os, struct still_mem_list *list);
int still_lwk_node(const struct still_os *os, u32 linux_node);

#endif
