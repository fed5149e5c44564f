// SPDX-License-Identifier: BSD-2-Clause
#include "script.hpp"

namespace still::mcexec {

namespace {

constexpr std::string_view blanks = " \t";

std::string_view strip_front(std::string_view text)
{
    const size_t first = text.find_first_not_of(blanks);
    return first == std::string_view::npos ? std::string_view{} : text.substr(first);
}

} // namespace

std::optional<ScriptLine> parse_script_line(std::string_view head)
{
    if (!head.starts_with("#!")) {
        return std::nullopt;
    }
    const bool whole_file = head.size() < script_head_bytes;
    std::string_view line = head.substr(2);
    const size_t end = line.find_first_of(std::string_view("\n\0", 2));
    const bool cut = end == std::string_view::npos && !whole_file;
    line = strip_front(line.substr(0, end));
    const size_t last = line.find_last_not_of(blanks);
    const std::string_view trimmed =
        last == std::string_view::npos ? std::string_view{} : line.substr(0, last + 1);
    if (trimmed.empty()) {
        return std::nullopt;
    }
    const size_t name_end = line.find_first_of(blanks);
    if (cut && name_end == std::string_view::npos) {
        return std::nullopt; // the interpreter's name itself may be cut
    }
    ScriptLine script;
    script.interpreter = trimmed.substr(0, name_end);
    if (name_end != std::string_view::npos && name_end < trimmed.size()) {
        script.argument = std::string(strip_front(trimmed.substr(name_end)));
    }
    return script;
}

} // namespace still::mcexec
