// SPDX-License-Identifier: BSD-2-Clause
// Random bytes: ChaCha20 (RFC 8439), keyed at boot, with a new key after each use.
#pragma once

#include <base/types.hpp>

namespace still::services {

void seed_random(const u64 (&seed)[4]);
void random_bytes(void* to, u64 bytes);
[[nodiscard]] u64 random_below(u64 bound);

} // namespace still::services
