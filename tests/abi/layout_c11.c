// SPDX-License-Identifier: BSD-2-Clause
#include "layout_check.h"
