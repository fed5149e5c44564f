// SPDX-License-Identifier: BSD-2-Clause
// /dev/ihkN as mcexec uses it: one open file, one LWK process.
#pragma once

#include "hidden_fd.hpp"
#include "ihk/error.hpp"
#include "slot_server.hpp"

#include <stillcore/ioctl_admin.h>
#include <stillcore/ioctl_proc.h>

#include <cstdint>
#include <string>

namespace still::mcexec {

class ProcessDevice final : public SlotKernel {
  public:
    [[nodiscard]] ihk::Result<> open(uint32_t os);

    // All of these are async-signal-safe and return 0 or more, or -errno.
    [[nodiscard]] int create(still_proc_create& request);
    [[nodiscard]] int map_file(still_map_file& request);
    [[nodiscard]] int map_back(const still_range& range);
    [[nodiscard]] int map_pinnable(const still_range& range);
    [[nodiscard]] int map_ordinary();
    [[nodiscard]] int exec(const still_exec& request);
    [[nodiscard]] int start(const still_proc_start& request);
    // In the parent: a new process for the child that is about to be forked.
    [[nodiscard]] int fork(still_proc_fork& request);
    // In that child: from now on this object stands for the new process.
    [[nodiscard]] int adopt(int device_fd);
    [[nodiscard]] int attach(uint32_t slot);
    [[nodiscard]] int report(still_report& request);
    [[nodiscard]] int file_name(still_file_name& request);
    [[nodiscard]] int status(still_status& status);
    [[nodiscard]] int set_exe(int fd);
    [[nodiscard]] int own_exe();
    int signal(const still_signal& signal);
    [[nodiscard]] int signalfd(const still_signalfd& request);
    int wait(uint32_t slot, uint32_t seen) override;
    int wake(uint32_t slot) override;
    // enum still_os_state. Only the thread that ends the process calls this.
    [[nodiscard]] int os_state();

    [[nodiscard]] still_slot* map_slots();
    [[nodiscard]] still_slot& slot(uint32_t index) { return slots_[index]; }

    [[nodiscard]] HiddenFd& descriptor() { return fd_; }
    [[nodiscard]] uint32_t os() const { return os_; }

  private:
    int call(unsigned long request, void* argument);

    HiddenFd fd_;
    uint32_t os_ = 0;
    still_slot* slots_ = nullptr;
};

} // namespace still::mcexec
