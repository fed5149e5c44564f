// SPDX-License-Identifier: BSD-2-Clause
// The kernel's log: a line goes to the log ring that Linux reads, or to the serial console when alone.
// Any context; the log's lock is the innermost.
#pragma once

#include <base/format.hpp>
#include <stillcore/shared.h>

namespace still {

// Appends one line, stamped with the time since boot and the CPU.
void log_line(std::string_view text);

template <class... Args> void log(std::string_view pattern, const Args&... args)
{
    char room[256];
    TextBuffer line(room);
    format_to(line, pattern, args...);
    log_line(line.view());
}

// ring: mapped, its capacity a power of two; nullptr: serial console.
void init_log(still_log* ring, u64 tsc_khz);
// Alone: the log stays in memory and off the console.
void set_log_quiet(bool wanted);
// What a quiet log kept goes to the console, and from now on all else.
void show_log();
// Alone: while this lives nobody else writes to the console, so that what a program writes at once stays together, and
// so does a line of the log. Nothing is logged meanwhile.
class ConsoleTurn {
  public:
    ConsoleTurn();
    ~ConsoleTurn();
    ConsoleTurn(const ConsoleTurn&) = delete;
    ConsoleTurn& operator=(const ConsoleTurn&) = delete;
    // As a program gives it. static: whoever calls it has the turn.
    static void write(std::string_view text);
    // The kernel's, on a line of its own.
    void write_line(std::string_view label, std::string_view text);
};
// After a panic: a CPU that was stopped inside the log may hold its lock for ever.
void break_log_lock();

} // namespace still
