/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef STILL_PROXY_MM_H
#define STILL_PROXY_MM_H

#include <linux/mm.h>

extern const struct vm_operations_struct still_proxy_vm_ops;

#endif
