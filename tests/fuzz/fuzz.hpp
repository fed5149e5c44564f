// SPDX-License-Identifier: BSD-2-Clause
// What the libFuzzer harnesses share (still fuzz-host).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>

// A property that no input may break.
inline void require(bool holds)
{
    if (!holds) {
        abort();
    }
}
