// SPDX-License-Identifier: BSD-2-Clause
// What libstdc++ calls where a string_view is asked for a part that it has not.
#include <debug/panic.hpp>

namespace std {

[[noreturn]] void __throw_out_of_range_fmt(const char* format, ...)
    __attribute__((__format__(__printf__, 1, 2)));

void __throw_out_of_range_fmt(const char*, ...)
{
    still::panic("a string was asked for more than it has");
}

} // namespace std
