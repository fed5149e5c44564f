// SPDX-License-Identifier: BSD-2-Clause
#include "font.hpp"

#include <arch/cpu.hpp>
#include <arch/layout.hpp>
#include <arch/page_table.hpp>
#include <arch/screen.hpp>
#include <debug/log.hpp>

namespace still::arch {

namespace {

constexpr u32 cell_width = 8, cell_height = 16;
constexpr u32 most_columns = 160, most_rows = 64;
constexpr u64 vga_text = 0xb8000;
constexpr u16 grey_on_black = 0x700;
constexpr u8 grey = 0xaa;
u32 bytes_of_pixel = 4;

enum class Kind : u8 { none, vga, pixels };
Kind kind = Kind::none;
FrameBuffer frame;
u32 columns = 80, rows = 25;
u32 column = 0, row = 0;
char shown[most_rows][most_columns];

// Escape sequences are followed as far as shells need it: erase, move right, home.
enum class Escape : u8 { none, began, inside };
Escape escape = Escape::none;
u32 parameter = 0;

void set_pixel(u64 address, u8 shade)
{
    auto* bytes = direct<volatile u8>(PhysAddr(address));
    if (bytes_of_pixel == 4)
        *direct<volatile u32>(PhysAddr(address)) = shade * 0x10101u;
    else
        for (u32 i = 0; i < 3; ++i)
            bytes[i] = shade;
}

void draw(u32 y, u32 x)
{
    const char c = shown[y][x];
    if (kind == Kind::vga) {
        direct<volatile u16>(PhysAddr(vga_text))[y * columns + x] =
            static_cast<u16>(grey_on_black | static_cast<u8>(c));
        return;
    }
    const usize index = static_cast<usize>(c - first_letter);
    const u64 letter = c >= first_letter && index < letters.size() ? letters[index] : 0;
    for (u32 line = 0; line < cell_height; ++line) {
        // Each of the letter's rows is two pixels high, below one that is empty.
        const u64 bits = line == 0 || line == cell_height - 1 ? 0 : letter >> ((line - 1) / 2);
        const u64 start = frame.address + u64{y * cell_height + line} * frame.pitch;
        for (u32 i = 0; i < cell_width; ++i)
            set_pixel(start + (u64{x} * cell_width + i) * bytes_of_pixel,
                      i >= 1 && i <= 5 && (bits >> 8 * (i - 1) & 1) != 0 ? grey : 0);
    }
}

void set(u32 y, u32 x, char c)
{
    if (shown[y][x] == c)
        return;
    shown[y][x] = c;
    draw(y, x);
}

void clear_line(u32 y, u32 from)
{
    for (u32 x = from; x < columns; ++x)
        set(y, x, ' ');
}

void next_line()
{
    if (++row < rows)
        return;
    row = rows - 1;
    for (u32 y = 0; y + 1 < rows; ++y)
        for (u32 x = 0; x < columns; ++x)
            set(y, x, shown[y + 1][x]);
    clear_line(rows - 1, 0);
}

void show_cursor()
{
    if (kind != Kind::vga)
        return;
    const u32 at = row * columns + min(column, columns - 1);
    out8(0x3d4, 0x0e);
    out8(0x3d5, static_cast<u8>(at >> 8));
    out8(0x3d4, 0x0f);
    out8(0x3d5, static_cast<u8>(at));
}

void end_sequence(char c)
{
    const u32 n = max(parameter, 1u);
    if (c == 'K')
        clear_line(row, min(column, columns - 1));
    else if (c == 'C')
        column = min(column + min(n, columns), columns - 1);
    else if (c == 'D')
        column -= min(n, column);
    else if (c == 'A')
        row -= min(n, row);
    else if (c == 'H')
        row = column = 0;
    else if (c == 'J')
        for (u32 y = parameter == 2 ? 0 : row; y < rows; ++y)
            clear_line(y, y == row && parameter != 2 ? column : 0);
}

bool is_escape(char c)
{
    if (escape == Escape::none) {
        if (c != '\x1b')
            return false;
        escape = Escape::began;
    } else if (escape == Escape::began) {
        escape = c == '[' ? Escape::inside : Escape::none;
        parameter = 0;
    } else if (c >= '0' && c <= '9') {
        parameter = min(parameter, 1000u) * 10 + static_cast<u32>(c - '0');
    } else if (c >= '@' && c <= '~') {
        escape = Escape::none;
        end_sequence(c);
    }
    return true;
}

void put(char c)
{
    if (is_escape(c))
        return;
    if (c == '\n') {
        next_line();
    } else if (c == '\r') {
        column = 0;
    } else if (c == '\b') {
        column -= column > 0 ? 1 : 0;
    } else if (c == '\t') {
        column = min((column | 7) + 1, columns - 1);
    } else if (static_cast<u8>(c) >= ' ') {
        if (column == columns) {
            column = 0;
            next_line();
        }
        set(row, column++, c);
    }
}

bool find_vga()
{
    if (!map_lent(PhysAddr(vga_text), 8 * page_size, true))
        return false;
    // Where there is no card nothing stays.
    auto* cell = direct<volatile u16>(PhysAddr(vga_text));
    const u16 before = cell[0];
    bool stays = true;
    for (const u16 pattern : {u16{0x755}, u16{0x7aa}}) {
        cell[0] = pattern;
        stays = stays && cell[0] == pattern;
    }
    cell[0] = before;
    return stays;
}

bool find_pixels()
{
    const u64 bytes = u64{frame.pitch} * frame.height;
    if (frame.address == 0 || (frame.bits != 32 && frame.bits != 24) ||
        frame.pitch < u64{frame.width} * (frame.bits / 8) || frame.width > 16384 || frame.height > 16384)
        return false;
    const u64 start = frame.address & ~(page_size - 1);
    if (!map_lent(PhysAddr(start), (frame.address + bytes - start + page_size - 1) & ~(page_size - 1), true))
        return false;
    bytes_of_pixel = frame.bits / 8;
    columns = min(frame.width / cell_width, most_columns);
    rows = min(frame.height / cell_height, most_rows);
    return columns > 0 && rows > 0;
}

} // namespace

void set_frame_buffer(const FrameBuffer& f)
{
    frame = f;
}

void init_screen()
{
    if (find_pixels())
        kind = Kind::pixels;
    else if (frame.address == 0 && find_vga())
        kind = Kind::vga;
    if (kind == Kind::none) {
        if (frame.address != 0)
            log("screen: a frame buffer of {} by {} pixels of {} bits is not used", frame.width, frame.height,
                frame.bits);
        return;
    }
    for (u32 y = 0; y < rows; ++y)
        clear_line(y, 0);
    log("screen: {} by {} characters, {} at {:x}", columns, rows,
        kind == Kind::vga ? "VGA text" : "frame buffer", kind == Kind::vga ? vga_text : frame.address);
}

void write_screen(std::string_view text)
{
    if (kind == Kind::none)
        return;
    for (const char c : text)
        put(c);
    show_cursor();
}

} // namespace still::arch
