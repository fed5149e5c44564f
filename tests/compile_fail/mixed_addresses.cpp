// SPDX-License-Identifier: BSD-2-Clause
#include <base/types.hpp>
using namespace still;
bool same(PhysAddr a, UserAddr b);
bool same(PhysAddr a, UserAddr b)
{
    return a == b;
}
