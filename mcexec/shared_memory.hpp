// SPDX-License-Identifier: BSD-2-Clause
// What the LWK asks for memory whose home is Linux. Values or -errno.
#pragma once

#include <cstdint>

namespace still::mcexec {

// Of a System V segment; the errors are those of shmat.
[[nodiscard]] int64_t segment_size(int id);
// STILL_CALL_MAP_CHOSEN. No other thread may map anything meanwhile.
[[nodiscard]] int64_t map_chosen(const uint64_t (&arg)[6]);
// mremap: a mapping of Linux's in the program's range grows or moves. target 0: in place.
[[nodiscard]] int64_t remap(uint64_t old_start, uint64_t old_size, uint64_t new_size, uint64_t target);

// A context of asynchronous I/O, which is its ring's address; and the bytes of that ring.
[[nodiscard]] int64_t aio_setup(uint32_t events);
[[nodiscard]] int64_t aio_ring_size(uint64_t context);

} // namespace still::mcexec
