// SPDX-License-Identifier: BSD-2-Clause
#include <exec/user_memory.hpp>

namespace still {

namespace {
u64 per_process = ~0ull;
}

void set_memory_per_process(u64 bytes)
{
    per_process = bytes;
}

u64 memory_per_process()
{
    return per_process;
}

} // namespace still
