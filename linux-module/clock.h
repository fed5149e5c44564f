/* SPDX-License-Identifier: GPL-2.0-only */
/* Linux's clocks, published to each instance's shared area. */
#ifndef STILL_CLOCK_H
#define STILL_CLOCK_H

struct still_shared;

int still_clock_init(void);
void still_clock_exit(void);
void still_clock_publish(int index, struct still_shared *shared);
void still_clock_withdraw(int index);

#endif
