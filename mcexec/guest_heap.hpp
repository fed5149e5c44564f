// SPDX-License-Identifier: BSD-2-Clause
// The heap of a vfork child. It shares this process's memory and vanishes by execve or _exit without freeing
// anything; so what it allocates comes from a heap that the waiting parent throws away as a whole.
#pragma once

#include <cstddef>

namespace still::mcexec {

class GuestHeap {
  public:
    GuestHeap() = default;
    ~GuestHeap();
    GuestHeap(const GuestHeap&) = delete;
    GuestHeap& operator=(const GuestHeap&) = delete;

    // Aligned for any type; nullptr: no memory.
    [[nodiscard]] void* take(size_t bytes);
    [[nodiscard]] bool owns(const void* pointer) const;

  private:
    struct Chunk {
        Chunk* next;
        size_t bytes;
        size_t used;
    };
    Chunk* chunks_ = nullptr;
};

// While set, operator new of this thread takes from there. A vfork child and the thread that made it share this
// variable as all else, but only one of them runs.
extern constinit thread_local GuestHeap* guest_heap;

} // namespace still::mcexec
