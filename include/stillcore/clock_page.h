/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Alone: what the vDSO's code (vdso/) reads in the page below it. The services write it, once. */
#ifndef STILLCORE_CLOCK_PAGE_H
#define STILLCORE_CLOCK_PAGE_H

#include "types.h"

struct still_clock_page {
	uint64_t boot_tsc;        /* when the monotonic clock was 0 */
	uint64_t tsc_khz;         /* ns = ticks * 1000000 / tsc_khz, as the kernel has it */
	uint64_t real_minus_mono; /* ns */
};
STILL_ASSERT_SIZE(struct still_clock_page, 24);

#endif
