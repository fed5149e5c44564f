// SPDX-License-Identifier: BSD-2-Clause
#include "shared_memory.hpp"

#include <cerrno>
#include <linux/aio_abi.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace still::mcexec {

int64_t segment_size(int id)
{
    shmid_ds info{};
    return shmctl(id, IPC_STAT, &info) < 0 ? -errno : static_cast<int64_t>(info.shm_segsz);
}

int64_t map_chosen(const uint64_t (&arg)[6])
{
    // SAFETY: addresses of the program, which the LWK has reserved for this; nothing of mcexec's lies there.
    auto* const hole = reinterpret_cast<void*>(arg[0]);
    const size_t size = (arg[1] + 4095) & ~uint64_t{4095};
    if (munmap(hole, size) != 0) {
        return -errno;
    }
    void* const at = mmap(nullptr, arg[1], static_cast<int>(arg[2]), static_cast<int>(arg[3]) | MAP_32BIT,
                          static_cast<int>(arg[4]), static_cast<off_t>(arg[5]));
    if (at == MAP_FAILED) {
        return -errno;
    }
    if (at != hole) {
        munmap(at, size);
        return -ENOMEM;
    }
    return static_cast<int64_t>(arg[0]);
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

int64_t aio_setup(uint32_t events)
{
    aio_context_t context = 0;
    return syscall(SYS_io_setup, events, &context) < 0 ? -errno : static_cast<int64_t>(context);
}

int64_t aio_ring_size(uint64_t context)
{
    // struct aio_ring of Linux's fs/aio.c, which libaio reads as well: id, number of entries, ...
    constexpr uint64_t header = 32;
    const auto* ring =
        reinterpret_cast<const uint32_t*>(context); // SAFETY: aio_setup() has just had it mapped
    const uint64_t bytes = header + ring[1] * sizeof(io_event);
    return static_cast<int64_t>((bytes + 4095) & ~uint64_t{4095});
}

} // namespace still::mcexec
