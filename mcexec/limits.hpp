// SPDX-License-Identifier: BSD-2-Clause
// Resource limits: which of them are the program's, and which mcexec itself can live with.
#pragma once

#include "ihk/error.hpp"
#include "options.hpp"

#include <stillcore/report.h>

namespace still::mcexec {

[[nodiscard]] still_limit limit_of(int resource);
// The program's limits on memory live in the LWK and must not bind the proxy: raises mcexec's own as far as
// it may.
void free_own_limits();
// Starts mcexec anew if Linux laid its memory out bottom-up because the stack has no limit; the new one finds
// the limit in its options. Returns only if there is nothing to do.
[[nodiscard]] ihk::Result<> ensure_bounded_stack(const Options& options, int argc, char** argv);

// Undoes what launch() did to mcexec's own limits, so that an execve() inherits the program's: as the LWK has them
// now.
void restore_limits(const still_report_process& program);

} // namespace still::mcexec
