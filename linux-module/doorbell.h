/* SPDX-License-Identifier: GPL-2.0-only */
/* The interrupt by which an LWK calls Linux. */
#ifndef STILL_DOORBELL_H
#define STILL_DOORBELL_H

#include <stillcore/ioctl_admin.h>

struct still_os;

int still_doorbell_init(void);
void still_doorbell_exit(void);
int still_doorbell_start(struct still_os *os);
void still_doorbell_stop(struct still_os *os);
int still_doorbell_place(struct still_os *os);
u32 still_doorbell_target(struct still_os *os, u32 cpu);

/* ikc_map.c */
int still_ikc_map_set(struct still_os *os, struct still_ikc_map *map);
int still_ikc_map_get(struct still_os *os, struct still_ikc_map *map);

#endif
