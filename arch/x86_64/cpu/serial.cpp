// SPDX-License-Identifier: BSD-2-Clause
#include <arch/console.hpp>
#include <arch/cpu.hpp>
#include <arch/hardware.hpp>
#include <arch/screen.hpp>
#include <arch/trap_frame.hpp>
#include <array>
#include <debug/log.hpp>

namespace still::arch {

namespace {
constexpr u16 port = 0x3f8; // COM1
bool present = false;
// What was typed before the FIFO was switched on, which empties it.
std::array<u8, 16> early;
u32 num_early = 0;
u32 next_early = 0;
} // namespace

void init_serial()
{
    out8(port + 7, 0x5a); // scratch register
    present = in8(port + 7) == 0x5a;
    if (!present)
        return;
    out8(port + 1, 0);
    out8(port + 4, 0x10); // loopback: nothing comes in between what is read and what the FIFO begins with
    while (num_early < early.size() && (in8(port + 5) & 1) != 0)
        early[num_early++] = in8(port);
    out8(port + 3, 0x80);
    out8(port + 0, 1); // 115200
    out8(port + 1, 0);
    out8(port + 3, 3);
    out8(port + 2, 7);
    out8(port + 4, 3);
}

void write_serial(std::string_view text)
{
    if (!present)
        return;
    for (char c : text) {
        for (int spins = 0; spins < 100000 && (in8(port + 5) & 0x20) == 0; ++spins)
            __builtin_ia32_pause();
        out8(port, static_cast<u8>(c));
    }
}

i32 read_serial()
{
    if (next_early < num_early)
        return early[next_early++];
    return present && (in8(port + 5) & 1) != 0 ? in8(port) : -1;
}

void enable_serial_input()
{
    if (!present)
        return;
    if (!route_isa(4, vector_serial))
        log("no interrupt for the serial port: its input is not seen");
    out8(port + 4, 0x0b); // DTR, RTS, and OUT2, which lets the interrupt out
    out8(port + 1, 1);    // for received data
}

void write_console(std::string_view text)
{
    write_serial(text);
    write_screen(text);
}

} // namespace still::arch
