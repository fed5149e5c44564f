// SPDX-License-Identifier: BSD-2-Clause
#include "shared_memory.hpp"

#include <cerrno>
#include <sys/mman.h>
#include <sys/shm.h>

namespace still::mcexec {

int64_t segment_size(int id)
{
    shmid_ds info{};
    return shmctl(id, IPC_STAT, &info) < 0 ? -errno : static_cast<int64_t>(info.shm_segsz);
}

int64_t remap(uint64_t old_start, uint64_t old_size, uint64_t new_size, uint64_t target)
{
    // SAFETY: addresses of the program, which the LWK has reserved for this; nothing of mcexec's lies there.
    auto* const start = reinterpret_cast<char*>(old_start);
    void* const where = reinterpret_cast<void*>(target);
    void* moved = nullptr;
    if (target != 0) {
        moved = mremap(start, old_size, new_size, MREMAP_MAYMOVE | MREMAP_FIXED, where);
    } else {
        // The pseudo file lies behind it, and would be in the way.
        if (munmap(start + old_size, new_size - old_size) != 0) {
            return -errno;
        }
        moved = mremap(start, old_size, new_size, 0);
    }
    return moved == MAP_FAILED ? -errno : static_cast<int64_t>(reinterpret_cast<uint64_t>(moved));
}

} // namespace still::mcexec
