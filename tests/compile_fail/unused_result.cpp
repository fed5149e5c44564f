// SPDX-License-Identifier: BSD-2-Clause
#include <mm/vma.hpp>
using namespace still;
void call(VmaMap& map);
void call(VmaMap& map)
{
    map.find(UserAddr(0));
}
