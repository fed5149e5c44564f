// SPDX-License-Identifier: BSD-2-Clause
// The program's memory, for those calls that mcexec itself has to understand. Copies that fail where the
// program's pages end or forbid it, as the kernel's do; a plain access would end mcexec by SIGBUS.
#pragma once

#include "ihk/error.hpp"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <vector>

namespace still::mcexec {

[[nodiscard]] bool read_program(uint64_t address, void* into, size_t bytes);
[[nodiscard]] bool write_program(uint64_t address, const void* from, size_t bytes);
// Without its NUL. EFAULT: unreadable; E2BIG: longer than limit.
[[nodiscard]] std::expected<std::string, int> read_program_string(uint64_t address, size_t limit);
// A NULL terminated array of strings; address 0 is an empty one, as Linux has it. EFAULT, E2BIG.
[[nodiscard]] std::expected<std::vector<std::string>, int> read_program_strings(uint64_t address);

} // namespace still::mcexec
