/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef STILL_IMAGE_CHECK_H
#define STILL_IMAGE_CHECK_H

#include <linux/types.h>

struct still_image {
	void *file; /* the whole ELF file, checked */
	size_t file_size;
	u64 lowest; /* p_paddr of the lowest segment */
	u64 span;   /* bytes from there to the end of the highest, .bss included */
	u64 entry;  /* p_paddr of the entry */
};

struct still_image *still_image_parse(void *file, size_t size,
				      char *text); /* takes file over, ERR_PTR */
void still_image_free(struct still_image *image);
void still_image_place(const struct still_image *image, void *base);

#endif
