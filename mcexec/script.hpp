// SPDX-License-Identifier: BSD-2-Clause
// The first line of a #! script, by Linux's rules (fs/binfmt_script.c reads 256 bytes). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace still::mcexec {

inline constexpr size_t script_head_bytes = 256;
inline constexpr int script_depth_limit = 5;

struct ScriptLine {
    std::string interpreter;
    std::optional<std::string> argument; // all that follows, as one argument

    bool operator==(const ScriptLine&) const = default;
};

// head: the file's first bytes, at most script_head_bytes. Nothing: Linux would say ENOEXEC.
[[nodiscard]] std::optional<ScriptLine> parse_script_line(std::string_view head);

} // namespace still::mcexec
