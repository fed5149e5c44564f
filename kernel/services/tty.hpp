// SPDX-License-Identifier: BSD-2-Clause
// The console as a terminal, for the file that /dev/console, /dev/tty and /dev/ttyS0 are when there is no Linux:
// serial port and screen out, serial port in, with a line discipline between.
#pragma once

#include <base/result.hpp>
#include <offload/slot.hpp>
#include <span>

namespace still::tty {

// Who calls, for job control.
struct Caller {
    u32 group = 0;
    u32 session = 0;
    bool blocks_ttin = false; // blocks or ignores the signal
    bool blocks_ttou = false;
};

struct Hooks {
    // The foreground group (or a background one that reads) gets a signal. From any context, with no lock of tty held.
    void (*signal)(u32 group, u32 signo);
    // What poll() says may have changed. Likewise.
    void (*changed)();
};

// Once, before the first read: from now on the port interrupts for what comes in.
void init(const Hooks& hooks);
// The input is a pipe's or a file's, typed in by whoever started the machine: it is not echoed, and what there is no
// room for stays in the port until it has been read.
void take_from_pipe();
// The terminal becomes that session's controlling one, with that group in the foreground.
void set_session(u32 session, u32 group);
[[nodiscard]] u32 session();
[[nodiscard]] u32 foreground();

// What one read(2) or write(2) does. Errno::again: nothing there, and the file does not wait. Errno::restart: a signal
// came first (also SIGTTIN and SIGTTOU, which are sent here); Errno::intr: the process is ending.
Result<usize> read(const Caller& who, std::span<u8> room, bool may_wait, const WaitConditions& until);
Result<usize> write(const Caller& who, std::span<const u8> data, bool may_wait, const WaitConditions& until);
constexpr u32 poll_in = 1, poll_out = 4;
[[nodiscard]] u32 poll(); // POLLIN, POLLOUT

// ioctl(2): which bytes at the argument's address go in and out; nullptr: not a terminal's (ENOTTY).
struct IoctlShape {
    u32 command;
    u16 bytes;
    bool in, out; // into the kernel, out to the program
};
[[nodiscard]] const IoctlShape* ioctl_shape(u32 command);
constexpr usize max_ioctl_bytes = 44;
// data: shape->bytes of them, filled in if they go in; argument: the number itself, for TCSBRK and its like.
// Waits for nothing but XON, as far as output is concerned.
Status ioctl(const Caller& who, u32 command, std::span<u8> data, u64 argument);

// The port's interrupt handler, on the CPU that it is routed to.
void on_serial_interrupt();

} // namespace still::tty
