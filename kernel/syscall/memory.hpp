// SPDX-License-Identifier: BSD-2-Clause
// What the files of mmap's family share.
#pragma once

#include <exec/user_memory.hpp>

namespace still {

constexpr u64 task_size = 0x7ffffffff000;                        // Linux's: where a program's addresses end
constexpr u64 mcl_current = 1, mcl_future = 2, mcl_on_fault = 4; // mlockall

// inval: not aligned, or it wraps.
Result<UserRange> page_range(u64 start, u64 length);
// As Linux's overcommit mode 0: what obviously can't be had is refused. RLIMIT_DATA counts what may be written.
[[nodiscard]] bool may_map(Process& p, u64 length, bool writable, bool reserve);
// May the program lock that much more? Linux is asked (CAP_IPC_LOCK) only if the limit says no.
[[nodiscard]] bool may_lock(Task& task, u64 more);

// Does an edge of the range lie within a page of MAP_HUGETLB?
[[nodiscard]] bool has_edge_in_huge(Process& p, UserRange range);
[[nodiscard]] inline bool splits_huge(Process& p, UserRange range)
{
    return p.space.uses_huge() && has_edge_in_huge(p, range);
}

// One thread of a process at a time does what takes several steps, each of which must still be true at the next: it
// moves memory, or changes it in Linux and then in the LWK, or moves the break. May sleep.
class Turn {
  public:
    explicit Turn(AddressSpace& space, bool wanted = true) : taken_(wanted ? &space.turn : nullptr)
    {
        while (taken_ != nullptr && taken_->exchange(true, std::memory_order_acquire))
            wait_a_moment();
    }
    ~Turn()
    {
        if (taken_ != nullptr)
            taken_->store(false, std::memory_order_release);
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

  private:
    std::atomic<bool>* taken_;
};

// mprotect with a protection key, or AddressSpace::keep_key.
SyscallResult change_protection(Task& task, const Call& call, i32 key);
// The key for memory that may only be executed, which the current thread then can't read; 0: keys are not there.
u8 key_for_execute_only(Process& p);

} // namespace still
