// SPDX-License-Identifier: BSD-2-Clause
// /dev/ihkN as mcexec uses it: one open file, one LWK process. Its descriptor number is kept out of the
// program's sight: the highest one below RLIMIT_NOFILE, and movable when the program wants that very number.
#pragma once

#include "ihk/error.hpp"
#include "slot_server.hpp"

#include <stillcore/ioctl_proc.h>

#include <atomic>
#include <cstdint>
#include <string>

namespace still::mcexec {

class ProcessDevice final : public SlotKernel {
  public:
    [[nodiscard]] ihk::Result<> open(uint32_t os);

    // All of these are async-signal-safe and return 0 or more, or -errno.
    [[nodiscard]] int create(still_proc_create& request);
    [[nodiscard]] int map_file(still_map_file& request);
    [[nodiscard]] int exec(const still_exec& request);
    [[nodiscard]] int start(const still_proc_start& request);
    [[nodiscard]] int attach(uint32_t slot);
    int signal(const still_signal& signal);
    int wait(uint32_t slot, uint32_t seen) override;
    int wake(uint32_t slot) override;

    [[nodiscard]] still_slot* map_slots();
    [[nodiscard]] still_slot& slot(uint32_t index) { return slots_[index]; }

    [[nodiscard]] int fd() const { return fd_.load(std::memory_order_relaxed); }
    // Gives the number up for another free one. False if there is none.
    [[nodiscard]] bool move_away();
    [[nodiscard]] uint32_t os() const { return os_; }

  private:
    int call(unsigned long request, void* argument);

    std::atomic<int> fd_{-1};
    uint32_t os_ = 0;
    still_slot* slots_ = nullptr;
};

} // namespace still::mcexec
