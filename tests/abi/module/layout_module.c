// SPDX-License-Identifier: BSD-2-Clause
/* Compiled by Kbuild, with the kernel's flags and types; never loaded. */
#include <linux/module.h>

#include "layout_check.h"

MODULE_DESCRIPTION("Stillcore ABI layout check");
MODULE_LICENSE("Dual BSD/GPL");
