/* SPDX-License-Identifier: GPL-2.0-only */
/* The text field of the ioctls: what was wrong, in words. */
#ifndef STILL_TEXT_H
#define STILL_TEXT_H

#include <linux/compiler_attributes.h>

/* Writes text[STILL_TEXT] and returns err, so that a check reads "return still_fail(text, -EINVAL, ...)". */
int still_fail(char *text, int err, const char *format, ...) __printf(3, 4);

#endif
