// SPDX-License-Identifier: BSD-2-Clause
// Names of kernel functions, from a table that the build makes of the image itself.
#pragma once

#include <base/types.hpp>
#include <string_view>

namespace still {

struct Symbol {
    std::string_view name; // "?" if unknown
    u64 offset = 0;
};
[[nodiscard]] Symbol symbol_of(u64 address);

} // namespace still
