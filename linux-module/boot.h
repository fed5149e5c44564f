/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef STILL_BOOT_H
#define STILL_BOOT_H

#include <linux/types.h>

struct still_os;

/* boot_block.c, for boot.c */
int still_build_boot_tables(struct still_os *os);
u64 still_place_image(const struct still_os *os);
void still_fill_boot_block(struct still_os *os, u64 image_phys);
int still_check_boot_reach(struct still_os *os, char *text);

#endif
