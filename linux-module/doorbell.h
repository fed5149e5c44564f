/* SPDX-License-Identifier: GPL-2.0-only */
/* The interrupt by which an LWK calls Linux. */
#ifndef STILL_DOORBELL_H
#define STILL_DOORBELL_H

struct still_os;

int still_doorbell_init(void);
void still_doorbell_exit(void);
int still_doorbell_start(struct still_os *os);
void still_doorbell_stop(struct still_os *os);

#endif
