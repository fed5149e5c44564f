/* SPDX-License-Identifier: GPL-2.0-only */
/* CPUs of an instance that runs: see hot_cpu.c. */
#ifndef STILL_HOT_CPU_H
#define STILL_HOT_CPU_H

#include <stillcore/ioctl_admin.h>

struct still_os;

int still_cpu_hot_add(struct still_os *os, struct still_cpu_list *list);
int still_cpu_hot_remove(struct still_os *os, struct still_cpu_list *list);

#endif
