// SPDX-License-Identifier: BSD-2-Clause
// The local services: what Linux would serve, when the LWK runs alone.
#pragma once

#include <base/result.hpp>
#include <string_view>

namespace still::services {

// Before anything is asked for: the answering end, the tree of files with the archive in it, /dev, /proc.
// nullptr, or what went wrong.
const char* start(const u8* archive, u64 archive_bytes, const u64 (&seed)[4]);

// The first program, as process 1, with the console as its standard input and outputs. argv and envp end with nullptr.
Status start_initial_task(const char* path, const char* const* argv, const char* const* envp);
// Waits for its end. Its status as wait4(2) gives it.
u32 wait_for_initial_task();

} // namespace still::services
