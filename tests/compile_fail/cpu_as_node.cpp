// SPDX-License-Identifier: BSD-2-Clause
#include <base/types.hpp>
using namespace still;
void use(NodeId n);
void call(CpuId c);
void call(CpuId c)
{
    use(c);
}
