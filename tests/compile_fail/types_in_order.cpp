// SPDX-License-Identifier: BSD-2-Clause
#include <base/types.hpp>
using namespace still;
bool same(PhysAddr a, PhysAddr b);
bool same(PhysAddr a, PhysAddr b)
{
    return a == b && a + 4 > b;
}
