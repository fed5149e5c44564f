// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <base/types.hpp>
#include <stillcore/process.h>

namespace still::services {

bool make_vdso(); // once the clock is set; false: no memory
void describe_vdso(still_proc_page& page);

} // namespace still::services
