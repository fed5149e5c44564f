// SPDX-License-Identifier: BSD-2-Clause
#include <base/format.hpp>

namespace still {

void TextBuffer::put_number(u64 value, u32 base, u32 min_digits)
{
    char digits[64];
    u32 n = 0;
    do {
        digits[n++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    for (u32 pad = n; pad < min_digits; ++pad)
        put('0');
    while (n > 0)
        put(digits[--n]);
}

namespace {

void put_arg(TextBuffer& out, const FormatArg& arg, std::string_view spec)
{
    if (arg.kind == FormatArg::Kind::text) {
        out.put(arg.text);
    } else if (spec == ":x") {
        out.put_number(arg.number, 16, 1);
    } else if (spec == ":p") {
        out.put_number(arg.number, 16, 16);
    } else if (arg.kind == FormatArg::Kind::signed_number && static_cast<i64>(arg.number) < 0) {
        out.put('-');
        out.put_number(0 - arg.number, 10, 1);
    } else {
        out.put_number(arg.number, 10, 1);
    }
}

} // namespace

void format_args(TextBuffer& out, std::string_view pattern, std::span<const FormatArg> args)
{
    usize next = 0;
    for (usize i = 0; i < pattern.size(); ++i) {
        if (pattern[i] != '{') {
            out.put(pattern[i]);
            continue;
        }
        usize close = i;
        while (close < pattern.size() && pattern[close] != '}')
            ++close;
        if (close == pattern.size() || next == args.size()) {
            out.put(std::string_view(pattern.data() + i, pattern.size() - i));
            return;
        }
        put_arg(out, args[next++], std::string_view(pattern.data() + i + 1, close - i - 1));
        i = close;
    }
}

} // namespace still
