// SPDX-License-Identifier: BSD-2-Clause
// The end of the LWK: says why, stops all CPUs, tells Linux. Linux and its other instances go on.
#pragma once

#include <arch/trap_frame.hpp>
#include <base/format.hpp>

namespace still {

// frame: registers to show, or nullptr.
[[noreturn]] void panic_text(std::string_view why, const arch::TrapFrame* frame);

template <class... Args> [[noreturn]] void panic(std::string_view pattern, const Args&... args)
{
    char room[160];
    TextBuffer text(room);
    format_to(text, pattern, args...);
    panic_text(text.view(), nullptr);
}

void show_registers(const arch::TrapFrame& frame); // in the log
// Who stops the other CPUs and tells Linux; set by main. frame: where it happened.
void set_panic_hook(void (*hook)(std::string_view why, const arch::TrapFrame& frame));

} // namespace still

// What cannot be otherwise.
#define STILL_ASSERT(cond)                                                                                   \
    do {                                                                                                     \
        if (!(cond)) [[unlikely]]                                                                            \
            ::still::panic("assertion failed: {} ({}:{})", #cond, __FILE_NAME__, __LINE__);                  \
    } while (0)
