// SPDX-License-Identifier: BSD-2-Clause
// The initial stack, to the byte as Linux lays it out. Pure.
#pragma once

#include "ihk/error.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace still::mcexec {

struct AuxEntry {
    uint64_t type;
    uint64_t value;
};

struct StackContents {
    std::vector<std::string> argv;
    std::vector<std::string> envp;
    std::string execfn;
    std::string platform; // empty: no AT_PLATFORM
    std::array<std::byte, 16> random{};
    std::vector<AuxEntry> aux; // without AT_RANDOM, AT_EXECFN, AT_PLATFORM and AT_NULL: the builder adds them
};

struct StackImage {
    uint64_t stack_pointer = 0;   // 16-byte aligned: the address of argc
    std::vector<std::byte> bytes; // from there up to the stack's top
    // Addresses in it: argv's strings, then envp's, one behind the other.
    uint64_t arg_start = 0;
    uint64_t env_start = 0; // and argv's end
    uint64_t env_end = 0;
    std::vector<AuxEntry> aux; // all of it
};

// room: bytes of stack that there are; as Linux, a quarter of it may be arguments and environment.
[[nodiscard]] ihk::Result<StackImage> build_stack(const StackContents& contents, uint64_t top, uint64_t room);

} // namespace still::mcexec
