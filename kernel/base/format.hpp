// SPDX-License-Identifier: BSD-2-Clause
// Text formatting without allocation: {} decimal or text, {:x} hexadecimal, {:p} 16 hex digits.
#pragma once

#include <base/types.hpp>
#include <concepts>
#include <span>
#include <string_view>
#include <type_traits>

namespace still {

// Collects text in a caller's buffer; what does not fit is cut off.
class TextBuffer {
  public:
    explicit TextBuffer(std::span<char> room) : room_(room) {}
    void put(char c)
    {
        if (used_ < room_.size())
            room_[used_++] = c;
    }
    void put(std::string_view text)
    {
        for (char c : text)
            put(c);
    }
    void put_number(u64 value, u32 base, u32 min_digits);
    [[nodiscard]] std::string_view view() const { return {room_.data(), used_}; }

  private:
    std::span<char> room_;
    usize used_ = 0;
};

struct FormatArg {
    enum class Kind : u8 { unsigned_number, signed_number, text } kind;
    u64 number = 0;
    std::string_view text;

    FormatArg(std::string_view t) : kind(Kind::text), text(t) {}
    FormatArg(const char* t) : kind(Kind::text), text(t) {}
    template <std::integral T>
    FormatArg(T v)
        : kind(std::is_signed_v<T> ? Kind::signed_number : Kind::unsigned_number),
          number(static_cast<u64>(static_cast<i64>(v)))
    {
        if constexpr (std::is_unsigned_v<T>)
            number = v;
    }
    template <class Tag> FormatArg(Address<Tag> a) : kind(Kind::unsigned_number), number(a.raw()) {}
    template <class Tag> FormatArg(Id<Tag> id) : kind(Kind::unsigned_number), number(id.value) {}
};

void format_args(TextBuffer& out, std::string_view pattern, std::span<const FormatArg> args);

template <class... Args> void format_to(TextBuffer& out, std::string_view pattern, const Args&... args)
{
    if constexpr (sizeof...(args) == 0) {
        format_args(out, pattern, {});
    } else {
        const FormatArg list[] = {FormatArg(args)...};
        format_args(out, pattern, list);
    }
}

} // namespace still
