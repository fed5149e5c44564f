// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <base/types.hpp>

namespace still {

// value * factor / divisor in 128 bits; all ones if the result does not fit. divisor is not 0.
inline u64 mul_div(u64 value, u64 factor, u64 divisor)
{
    const auto product = static_cast<unsigned __int128>(value) * factor;
    const u64 high = static_cast<u64>(product >> 64);
    if (high >= divisor)
        return ~0ull;
    u64 quotient, rest;
    // SAFETY: high < divisor, so DIV cannot overflow (SDM vol. 2, DIV).
    asm("divq %4"
        : "=a"(quotient), "=d"(rest)
        : "a"(static_cast<u64>(product)), "d"(high), "r"(divisor)
        : "cc");
    return quotient;
}

} // namespace still
