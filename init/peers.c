// SPDX-License-Identifier: BSD-2-Clause
// Processes that see each other's memory.
#include "test.h"

void test_peers(void)
{
    skip("not in this image");
}
