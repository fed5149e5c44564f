/* SPDX-License-Identifier: BSD-2-Clause */
/* Includes every ABI header, by itself in any order, and holds it against layout.def. */
#include <stillcore/boot_block.h>
#include <stillcore/clock_page.h>
#include <stillcore/dump.h>
#include <stillcore/ikc.h>
#include <stillcore/image.h>
#include <stillcore/ioctl_admin.h>
#include <stillcore/ioctl_proc.h>
#include <stillcore/process.h>
#include <stillcore/pte.h>
#include <stillcore/ring.h>
#include <stillcore/shared.h>
#include <stillcore/slot.h>
#include <stillcore/types.h>

#define STILL_LAYOUT_SIZE(type, bytes)                                                                       \
    STILL_STATIC_ASSERT(sizeof(struct type) == (bytes), "layout.def has another size for " #type);
#define STILL_LAYOUT_FIELD(type, field, bytes)                                                               \
    STILL_STATIC_ASSERT(offsetof(struct type, field) == (bytes),                                             \
                        "layout.def has another offset for " #type "." #field);
#include "layout.def"
