/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What makes a core file of an instance's memory (ihkosctl N dump): where its kernel has what, and which pages are
 * the kernel's. The LWK writes the page map once; whoever reads it does not trust it further than leaving pages out.
 */
#ifndef STILLCORE_DUMP_H
#define STILLCORE_DUMP_H

#include "types.h"

/* Physical memory, the lent areas too, appears to the LWK at this address + its physical one, the image at its own. */
#define STILL_DIRECT_BASE 0xffff800000000000ull
#define STILL_IMAGE_BASE 0xffffffff80200000ull

/* A piece of memory that the LWK's allocator manages: a record for each page. All else is the kernel's. */
struct still_page_zone {
	uint64_t start; /* physical */
	uint64_t pages;
	uint64_t records; /* physical address of the first */
};
STILL_ASSERT_SIZE(struct still_page_zone, 24);

struct still_page_map {
	uint64_t magic; /* STILL_MAGIC */
	uint32_t num_zones;
	uint32_t record_bytes;
	uint32_t state_offset; /* of the byte in a record that says whose the page is */
	uint32_t kernel_state; /* its value for a page of the kernel's */
	struct still_page_zone zones[STILL_MAX_RANGES];
};
STILL_ASSERT_OFFSET(struct still_page_map, zones, 24);
STILL_ASSERT_SIZE(struct still_page_map, 24 + 24 * STILL_MAX_RANGES);

#endif
