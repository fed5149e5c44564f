// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "ihk/device.hpp"

#include <string>

namespace still::cli {

// What is the matter with a CPU, as one word and in words; the latter empty if nothing is.
const char* condition_name(uint32_t condition);
std::string condition_text(const still_os_cpu& cpu);
int health(ihk::Instance& os, bool json);

} // namespace still::cli
