// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <base/types.hpp>

namespace still::services {

// Its members become files below the root. What is malformed or hostile is left out, with a message. nullptr, or what
// went wrong.
const char* unpack_archive(const u8* archive, u64 bytes);

} // namespace still::services
