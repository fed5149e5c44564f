// SPDX-License-Identifier: BSD-2-Clause
// What ihkconfig and ihkosctl share: how a result becomes an exit status and a message.
#pragma once

#include "ihk/error.hpp"

#include <string>

namespace still::cli {

inline constexpr int exit_ok = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;

// "TOOL: message" and the hint below it, on stderr.
int report(const ihk::Error& error);
int finish(const ihk::Result<>& result);
// A line of progress on stderr.
void progress(const std::string& line);

void set_tool_name(const char* name);

} // namespace still::cli
