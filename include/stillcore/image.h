/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The note by which the loader in the Linux module recognises an LWK image and finds its entry.
 *
 * The image is an ELF64 executable linked for fixed virtual addresses. It may be loaded at any
 * 2 MiB aligned physical address: load each PT_LOAD at base + (p_paddr - lowest p_paddr) and clear
 * p_memsz - p_filesz. All of it must lie in one contiguous range of the instance's memory.
 */
#ifndef STILLCORE_IMAGE_H
#define STILLCORE_IMAGE_H

#include "types.h"

#define STILL_NOTE_NAME "Stillcore" /* n_namesz counts the terminating NUL: 10 */
#define STILL_NOTE_IMAGE 1u         /* n_type; the descriptor is struct still_image_note */

struct still_image_note {
	uint64_t magic;    /* STILL_MAGIC */
	uint32_t revision; /* STILL_REVISION of the headers that the image was built with */
	uint32_t reserved;
	uint64_t entry_paddr; /* link-time physical address of the 64-bit entry, see boot_block.h */
};
STILL_ASSERT_SIZE(struct still_image_note, 24);

#define STILL_IMAGE_ALIGN 0x200000ull
#define STILL_IMAGE_MAX_SIZE 0x2000000ull /* 32 MiB from lowest to highest byte, .bss included */

#endif
