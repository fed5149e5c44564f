// SPDX-License-Identifier: BSD-2-Clause
// Contents of files, kept in memory that nobody needs just now, for the next process that maps them. A frame of the
// cache has the cache as its first owner and each entry that maps it as one more (Frame::extra_owners): it is shared
// copy-on-write as after a fork. What no process maps is given up when memory is short; it counts as free.
// Nothing here waits, and no lock is taken while the cache's is held but the allocator's.
#pragma once

#include <mm/frame.hpp>

namespace still::file_cache {

constexpr u32 piece_order = 4;
constexpr u32 piece_pages = 1u << piece_order;
constexpr u64 piece_bytes = piece_pages * page_size;

// A piece of a file in one state of its contents (STILL_MSG_FILE_KEY).
struct Name {
    u64 key;
    u64 index; // file offset / piece_bytes
    bool operator==(const Name&) const = default;
};

// Held: each of its pages has one owner more, who maps it or lets go.
struct Piece {
    Frame* first = nullptr;
    u32 pages = 0; // fewer than piece_pages at the end of the file
};

void init();
[[nodiscard]] bool has(Name name);
[[nodiscard]] bool find(Name name, Piece& piece);
// Takes over the frames, an aligned block of piece_order of which the first pages are filled; the rest is freed.
// All are freed if the cache has it already, or has no room.
void put(Name name, Piece piece);
void let_go(Frame* first, u32 pages);
// Gives up pieces that no process maps, oldest first, until that much has come back. false: there were none.
bool shrink(u64 bytes);
// Gives up all; what is mapped stays with those who map it. Bytes that were cached.
u64 drop();
[[nodiscard]] u64 bytes();

} // namespace still::file_cache
