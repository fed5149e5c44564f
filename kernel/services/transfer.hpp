// SPDX-License-Identifier: BSD-2-Clause
// Reading and writing of descriptors, for the calls that do it.
#pragma once

#include <services/calls.hpp>

namespace still::services {

constexpr u64 max_transfer = 0x7ffff000; // as Linux
constexpr u64 no_offset = ~0ull;         // where the last one ended
using Transfer = Result<u64> (*)(OpenFile&, const Buffer&, u64, u64);

// badf: not open for that; inval: of a kind that can't.
Result<FileRef> readable(Client& client, u64 fd);
Result<FileRef> writable(Client& client, u64 fd);
[[nodiscard]] u32 poll_of(OpenFile& file);
// At the file's own offset, which moves; or at a given one.
Result<u64> transfer(OpenFile& file, Transfer move, const Buffer& buffer, u64 bytes, u64 offset);
Served vectors(OpenFile& file, Transfer move, u64 list, u64 count, u64 offset);

} // namespace still::services
