// SPDX-License-Identifier: GPL-2.0-only
/* Compiled by Kbuild, with the kernel's flags and types; never loaded. */
#include <linux/module.h>

#include "layout_check.h"

MODULE_DESCRIPTION("Stillcore ABI layout check");
MODULE_LICENSE("GPL");
