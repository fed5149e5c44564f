// SPDX-License-Identifier: BSD-2-Clause
// The inside of the terminal, for tty.cpp and tty_ioctl.cpp.
#pragma once

#include <atomic>
#include <base/spin_lock.hpp>
#include <services/line_discipline.hpp>
#include <services/tty.hpp>

namespace still::tty {

constexpr u32 sig_ttin = 21, sig_ttou = 22, sig_winch = 28;

struct WindowSize {
    u16 rows, columns, x, y;
};

extern SpinLock lock; // inside every lock but the log's and the run queues'
extern LineDiscipline discipline GUARDED_BY(lock);
extern std::atomic<u32> owner; // session
extern std::atomic<u32> foreground_group;

void wake_waiters();
void signal(u32 group, u32 signo);
[[nodiscard]] bool is_background(const Caller& who);
// A background group may not go on: its signal is sent, and the call starts again after it.
Status stop_background(const Caller& who, u32 signo, bool blocks);

} // namespace still::tty
