/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef STILL_DUMP_H
#define STILL_DUMP_H

#include "os.h"

int still_dump_info(struct still_os *os, struct still_dump_info *info);
int still_dump_read(struct still_os *os, struct still_dump_read *request);

#endif
