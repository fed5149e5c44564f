// SPDX-License-Identifier: BSD-2-Clause
// The console of a kernel that runs alone: the first serial port, and a screen if there is one.
#pragma once

#include <base/types.hpp>
#include <string_view>

namespace still::arch {

void init_serial();
// Polled. A newline is sent as it is.
void write_serial(std::string_view text);
// The next character that came in, or -1.
[[nodiscard]] i32 read_serial();
// From now on the port interrupts for what comes in (vector_serial).
void enable_serial_input();
// To the port and to the screen.
void write_console(std::string_view text);

} // namespace still::arch
