// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kernel.h>
#include <stillcore/ioctl_admin.h>

#include "text.h"

int still_fail(char *text, int err, const char *format, ...)
{
	va_list args;

	if (text) {
		va_start(args, format);
		vscnprintf(text, STILL_TEXT, format, args);
		va_end(args);
	}
	return err;
}
