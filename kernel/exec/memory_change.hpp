// SPDX-License-Identifier: BSD-2-Clause
// Memory that comes to the instance, or goes from it, while it runs (STILL_MSG_MEM_ADD, STILL_MSG_MEM_REMOVE).
#pragma once

#include <base/result.hpp>
#include <base/types.hpp>

namespace still {

Status add_memory(PhysAddr start, u64 bytes, NodeId node);
// Takes that many bytes of the node out of use, and writes the address of each 4 MiB of it to list. busy: so much is
// not free; then nothing is taken, and *left is what could be.
Result<u64> remove_memory(NodeId node, u64 bytes, u64* list, u64* left);

} // namespace still
