// SPDX-License-Identifier: BSD-2-Clause
// Builds the program's memory on the LWK and starts its first thread.
#pragma once

#include "find_program.hpp"
#include "ihk/error.hpp"
#include "options.hpp"

#include <sys/resource.h>

namespace still::mcexec {

// Starts mcexec anew if Linux laid its memory out bottom-up because the stack has no limit; the new one finds
// the limit in its options. Returns only if there is nothing to do.
[[nodiscard]] ihk::Result<> ensure_bounded_stack(const Options& options, int argc, char** argv);

// Undoes what launch() did to mcexec's own limits, so that an execve() inherits the program's.
void restore_limits();

// Afterwards the calling thread has to serve slot 0.
[[nodiscard]] ihk::Result<> launch(const Options& options, Program program, char** environment);

} // namespace still::mcexec
