// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <base/types.hpp>

namespace still {

// As PROT_* of mmap(2).
enum Prot : u8 { prot_none = 0, prot_read = 1, prot_write = 2, prot_exec = 4 };

} // namespace still
