// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "ihk/device.hpp"

#include <string>

namespace still::cli {

std::string call_name(uint32_t number);
int calls(ihk::Instance& os, bool json);

} // namespace still::cli
