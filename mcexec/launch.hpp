// SPDX-License-Identifier: BSD-2-Clause
// Builds the program's memory on the LWK and starts its first thread.
#pragma once

#include "find_program.hpp"
#include "ihk/error.hpp"
#include "options.hpp"

namespace still::mcexec {

// Afterwards the calling thread has to serve slot 0.
[[nodiscard]] ihk::Result<> launch(const Options& options, Program program, char** environment);

} // namespace still::mcexec
