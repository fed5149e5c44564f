// SPDX-License-Identifier: BSD-2-Clause
// Sets of CPUs and nodes, as /proc shows them. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace still::mcexec {

// As "%*pb" and "%*pbl" print the first bits of a mask.
[[nodiscard]] std::string mask_text(const std::vector<uint64_t>& mask, uint32_t bits);
[[nodiscard]] std::string list_text(const std::vector<uint64_t>& mask, uint32_t bits);

} // namespace still::mcexec
