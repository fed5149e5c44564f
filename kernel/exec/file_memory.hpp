// SPDX-License-Identifier: BSD-2-Clause
// Private mappings of files: pages come from Linux by way of the cache (mm/file_cache.hpp), where processes find what
// others have read. Who may write to an area gets pages of its own at once. All of it may wait.
#pragma once

#include <exec/process.hpp>

namespace still {

// How much is read at a fault for what is not cached: Linux reads ahead as much.
constexpr u64 fault_read_ahead = 128 * KiB;

struct FileRead {
    u64 bytes; // fewer at the end of the file
    u64 key;   // the file's, afterwards
};
Result<FileRead> read_file(Process& p, const MappedFile& file, u64 offset, PhysAddr to, u64 bytes);

// Fills the chunk of a file area, and what lies around it within limit as far as it is cached. Afterwards chunk.range
// is what was looked at, and valid_end where the file ends in it. false: not this way, nothing is changed.
bool fill_from_cache(Process& p, Chunk& chunk, UserRange limit, u64 read_ahead, UserAddr& valid_end);

} // namespace still
