// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "ihk/device.hpp"

namespace still::cli {

int usage(ihk::Instance& os, bool json);

} // namespace still::cli
