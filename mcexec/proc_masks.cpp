// SPDX-License-Identifier: BSD-2-Clause
#include "proc_masks.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace still::mcexec {

std::string mask_text(const std::vector<uint64_t>& mask, uint32_t bits)
{
    std::string out;
    for (uint32_t chunk = (bits + 31) / 32; chunk-- > 0;) {
        const uint64_t word = chunk / 2 < mask.size() ? mask[chunk / 2] : 0;
        const auto value = static_cast<uint32_t>(word >> (chunk % 2 * 32));
        const uint32_t width = std::min(bits - chunk * 32, 32u);
        out += fmt::format("{}{:0{}x}", out.empty() ? "" : ",", value, (width + 3) / 4);
    }
    return out;
}

std::string list_text(const std::vector<uint64_t>& mask, uint32_t bits)
{
    const auto has = [&](uint32_t bit) { return bit < bits && (mask[bit / 64] >> (bit % 64) & 1) != 0; };
    std::string out;
    for (uint32_t first = 0; first < bits; ++first) {
        if (!has(first)) {
            continue;
        }
        uint32_t last = first;
        while (has(last + 1)) {
            ++last;
        }
        out += out.empty() ? "" : ",";
        out += last == first ? fmt::format("{}", first) : fmt::format("{}-{}", first, last);
        first = last;
    }
    return out;
}

} // namespace still::mcexec
