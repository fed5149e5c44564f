// SPDX-License-Identifier: BSD-2-Clause
// The program's core file, which Linux itself writes (so core_pattern, RLIMIT_CORE and WCOREDUMP are obeyed by
// whoever owns them): the proxy's mappings become the program's memory and nothing else, its registers the
// program's, and then it dies by the program's signal.
#pragma once

#include <cstdint>

namespace still::mcexec {

// Would Linux write one? If not there is no need to make the proxy look like the program.
[[nodiscard]] bool wants_core();
// frame: Linux's signal frame of the program's last moment, which the LWK put on its stack; fs_base: its TLS.
// Returns if there is no way.
void die_with_core(int signo, uint64_t frame, uint64_t fs_base);

} // namespace still::mcexec
