// SPDX-License-Identifier: BSD-2-Clause
// The first serial port, polled: the console of a kernel that runs alone.
#pragma once

#include <string_view>

namespace still::arch {

void init_serial();
void write_serial(std::string_view text);

} // namespace still::arch
