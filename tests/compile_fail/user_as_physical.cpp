// SPDX-License-Identifier: BSD-2-Clause
#include <base/types.hpp>
using namespace still;
void use(PhysAddr a);
void call(UserAddr b);
void call(UserAddr b)
{
    use(b);
}
