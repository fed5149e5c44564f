// SPDX-License-Identifier: BSD-2-Clause
// The only code that touches user memory. A fault that can't be resolved ends the access.
#pragma once

#include <base/types.hpp>

namespace still::arch {

extern "C" {
// Bytes not copied: 0 if all went well.
u64 still_user_copy_in(void* to, u64 user_from, u64 bytes);
u64 still_user_copy_out(u64 user_to, const void* from, u64 bytes);
u64 still_user_clear(u64 user_to, u64 bytes);
// 0, or 1 on a fault. Atomic. *old is what was there; exchanged if it was expected.
u64 still_user_cmpxchg32(u64 user, u32 expected, u32 desired, u32* old);
u64 still_user_load32(u64 user, u32* value);
}

// The place to go on at after an unresolvable fault at this kernel instruction, or 0.
[[nodiscard]] u64 user_copy_fixup(u64 rip);

} // namespace still::arch
