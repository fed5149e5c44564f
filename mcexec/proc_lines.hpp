// SPDX-License-Identifier: BSD-2-Clause
// Lines of text files below /proc. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace still::mcexec {

inline constexpr uint64_t kib = 1024;

// Calls visit(line) for each line, without its end.
template <class Visit> void for_each_line(std::string_view text, Visit&& visit)
{
    while (!text.empty()) {
        const size_t end = text.find('\n');
        visit(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
}

// "Key:<anything>": the line's value replaced, where replace knows the key.
using Replace = std::function<std::optional<std::string>(std::string_view key)>;
inline std::string replace_values(std::string_view text, const Replace& replace)
{
    std::string out;
    for_each_line(text, [&](std::string_view line) {
        const size_t colon = line.find(':');
        const auto fresh =
            colon != std::string_view::npos ? replace(line.substr(0, colon)) : std::optional<std::string>{};
        out.append(fresh ? line.substr(0, colon + 1) : line).append(fresh ? *fresh : "").append("\n");
    });
    return out;
}

} // namespace still::mcexec
