// SPDX-License-Identifier: BSD-2-Clause
// What libstdc++ calls where a string_view is asked for a part that it has not.
#include <bits/functexcept.h>
#include <debug/panic.hpp>

void std::__throw_out_of_range_fmt(const char*, ...)
{
    still::panic("a string was asked for more than it has");
}
