// SPDX-License-Identifier: BSD-2-Clause
// What a proxy thread does with the requests of its LWK thread.
#pragma once

#include <cstdint>

namespace still::mcexec {

// Serves the slot until its thread ends. The calling thread has attached to it.
void serve(uint32_t slot);

} // namespace still::mcexec
