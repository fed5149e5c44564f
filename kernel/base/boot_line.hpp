// SPDX-License-Identifier: BSD-2-Clause
// The kernel's command line: options of the LWK, and behind a word "--" the initial task with its arguments.
#pragma once

#include <base/types.hpp>
#include <optional>
#include <span>
#include <string_view>

namespace still {

class BootLine {
  public:
    explicit BootLine(std::string_view line) : options_(line)
    {
        usize at = 0;
        for (std::string_view word = next_word(line, at); !word.empty(); word = next_word(line, at)) {
            if (word != "--")
                continue;
            options_ = std::string_view(line.data(), at - 2);
            while (at < line.size() && line[at] == ' ')
                ++at;
            init_ = std::string_view(line.data() + at, line.size() - at);
            return;
        }
    }

    [[nodiscard]] bool has(std::string_view option) const
    {
        usize at = 0;
        for (std::string_view word = next_word(options_, at); !word.empty(); word = next_word(options_, at))
            if (word == option)
                return true;
        return false;
    }
    // What follows "name=" in the last such word; otherwise without_it.
    [[nodiscard]] std::string_view value(std::string_view name, std::string_view without_it = {}) const
    {
        usize at = 0;
        for (std::string_view word = next_word(options_, at); !word.empty(); word = next_word(options_, at))
            if (word.starts_with(name) && word.size() > name.size() && word[name.size()] == '=')
                without_it = std::string_view(word.data() + name.size() + 1, word.size() - name.size() - 1);
        return without_it;
    }
    // Calls visit(name, value) for each option "prefix" name "=" value.
    template <class Visit> void for_each(std::string_view prefix, Visit&& visit) const
    {
        usize at = 0;
        for (std::string_view word = next_word(options_, at); !word.empty(); word = next_word(options_, at)) {
            const usize equals = word.find('=');
            if (word.starts_with(prefix) && equals != std::string_view::npos && equals > prefix.size())
                visit(std::string_view(word.data() + prefix.size(), equals - prefix.size()),
                      std::string_view(word.data() + equals + 1, word.size() - equals - 1));
        }
    }
    // The initial task's path and arguments, words with blanks between; empty: the line names none.
    [[nodiscard]] std::string_view init() const { return init_; }

    // The word at or behind at, which moves to its end; empty: there is no more.
    static std::string_view next_word(std::string_view line, usize& at)
    {
        while (at < line.size() && line[at] == ' ')
            ++at;
        const usize start = at;
        while (at < line.size() && line[at] != ' ')
            ++at;
        return {line.data() + start, at - start};
    }

  private:
    std::string_view options_;
    std::string_view init_;
};

// A word as it was meant: %XX is that byte, and a lone % an empty word, since blanks can't be quoted in a way that
// every loader leaves alone. room: as long as the word. How many bytes there are.
inline usize unquote(std::string_view word, std::span<char> room)
{
    const auto digit = [&](usize at) {
        const char c = at < word.size() ? word[at] : 'x';
        return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    };
    usize used = 0;
    for (usize i = 0; i < word.size(); ++i) {
        const bool quotes = word[i] == '%' && digit(i + 1) >= 0 && digit(i + 2) >= 0;
        if (!quotes && (word[i] != '%' || word.size() > 1))
            room[used++] = word[i];
        if (quotes) {
            room[used++] = static_cast<char>(digit(i + 1) << 4 | digit(i + 2));
            i += 2;
        }
    }
    return used;
}

// A decimal number below 10^9; none: it is something else.
[[nodiscard]] inline std::optional<u32> number_of(std::string_view text)
{
    u32 value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9')
            return {};
        value = value * 10 + static_cast<u32>(c - '0');
    }
    if (text.empty() || text.size() > 9)
        return {};
    return value;
}

// Bytes: such a number, with k, m or g behind it or not.
[[nodiscard]] inline std::optional<u64> size_of(std::string_view text)
{
    u32 shift = 0;
    if (!text.empty()) {
        const char unit = text.back();
        shift = unit == 'k' ? 10 : unit == 'm' ? 20 : unit == 'g' ? 30 : 0;
        text.remove_suffix(shift != 0 ? 1 : 0);
    }
    const auto number = number_of(text);
    if (!number)
        return {};
    return static_cast<u64>(*number) << shift;
}

} // namespace still
