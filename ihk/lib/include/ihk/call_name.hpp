// SPDX-License-Identifier: BSD-2-Clause
// What people call a request to mcexec: Linux's name of the system call, or [in brackets] one of our own. Pure.
#pragma once

#include <cstdint>
#include <string>

namespace still::ihk {

[[nodiscard]] std::string call_name(uint32_t nr);

} // namespace still::ihk
