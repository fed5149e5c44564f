// SPDX-License-Identifier: BSD-2-Clause
// How many address spaces a frame belongs to (fork): 1 + whole_owners of its 2 MiB block + its own extra_owners.
//
// Who maps a block by one large leaf adds himself to it by one count, whatever its size; the sum is all that matters,
// not which of the owners has a large leaf and which has small ones. Whoever changes counts holds the block's lock.
// Readers need no lock if they are owners: nobody but an owner adds others, so "no other" can't become wrong.
#pragma once

#include <mm/frame.hpp>

namespace still::owners {

constexpr u64 frames_per_block = 1 << order_2m;

// head: the first frame of the aligned block; nullptr: the block is not all of one zone, so nobody has it whole.
[[nodiscard]] bool has_others(const Frame* head, const Frame& frame);
// Of an aligned block, or of one of its frames.
void add_to_block(Frame& head);
void add_to_frame(Frame& frame);
// One owner fewer; true: it was the last, and the frame is nobody's.
[[nodiscard]] bool remove_from_frame(Frame* head, Frame& frame);
// Likewise for each frame of a block. Those that are nobody's now are chained, as one block if they all are.
void remove_from_block(Frame& head, FrameChain& unowned);

} // namespace still::owners
