// SPDX-License-Identifier: BSD-2-Clause
// The program's addresses in this process: the pseudo file of the module, which shows the LWK's memory.
#pragma once

#include "ihk/error.hpp"

#include <stillcore/process.h>

#include <string>
#include <vector>

namespace still::mcexec {

// The text of /proc/self/maps, of mcexec itself.
[[nodiscard]] ihk::Result<std::string> read_maps();
// Maps the pseudo file over all of them, where nothing lies yet.
[[nodiscard]] ihk::Result<> map_program_addresses(int pseudo_file, const std::vector<still_range>& app,
                                                  bool read_only = false);

} // namespace still::mcexec
