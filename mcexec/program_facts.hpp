// SPDX-License-Identifier: BSD-2-Clause
// The contents of a special file, from what the LWK reports and what Linux has for the proxy.
#pragma once

#include "proc_path.hpp"

#include <stillcore/report.h>

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace still::mcexec {

// linux_file: Linux's own file of that name, open for reading. Nothing: it is not about an LWK process.
[[nodiscard]] std::optional<std::string> make_contents(const ProcPath& path, int linux_file);

// The areas of the calling process's memory; none if the LWK is gone.
[[nodiscard]] std::vector<still_report_area> own_areas();

// The threads of the calling process, by their numbers; none if the LWK is gone.
[[nodiscard]] std::set<uint32_t> own_threads();

} // namespace still::mcexec
