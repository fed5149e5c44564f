// SPDX-License-Identifier: BSD-2-Clause
// A terminal's line discipline, after termios(3): input is edited and echoed, output is post-processed. Pure: it knows
// neither a device nor who waits.
#pragma once

#include <array>
#include <base/types.hpp>
#include <span>
#include <string_view>

namespace still::tty {

// Linux's struct termios as TCGETS has it (asm-generic/termbits.h).
struct Termios {
    u32 iflag, oflag, cflag, lflag;
    u8 line;
    u8 cc[19];
};
static_assert(sizeof(Termios) == 36);

enum ControlChar : u32 {
    c_intr,
    c_quit,
    c_erase,
    c_kill,
    c_eof,
    c_time,
    c_min,
    c_swtc,
    c_start,
    c_stop,
    c_susp,
    c_eol,
    c_reprint,
    c_discard,
    c_werase,
    c_lnext,
    c_eol2
};
constexpr u32 i_brkint = 02, i_istrip = 040, i_inlcr = 0100, i_igncr = 0200, i_icrnl = 0400, i_ixon = 02000,
              i_ixany = 04000, i_utf8 = 040000;
constexpr u32 o_post = 01, o_nlcr = 04, o_crnl = 010, o_nocr = 020, o_nlret = 040;
constexpr u32 l_isig = 01, l_icanon = 02, l_echo = 010, l_echoe = 020, l_echok = 040, l_echonl = 0100,
              l_noflsh = 0200, l_tostop = 0400, l_echoctl = 01000, l_echoke = 04000, l_iexten = 0100000;

class LineDiscipline {
  public:
    // emit: what goes to the device.
    LineDiscipline(void (*emit)(void* context, std::string_view text), void* context);

    // One character from the device. The signal that the foreground group gets, or 0.
    u32 input(u8 c);
    // What one read(2) takes now; 0: an end of file, or nothing is there (see readable()).
    usize read(std::span<u8> room);
    // In canonical mode a whole line or an end of file, otherwise a byte.
    [[nodiscard]] bool readable() const { return is_canonical() ? lines_ > 0 : used_ > 0; }
    [[nodiscard]] usize available() const; // FIONREAD
    void write(std::string_view text);     // a program's output

    [[nodiscard]] const Termios& termios() const { return termios_; }
    void set_termios(const Termios& wanted);
    void flush_input();
    // What comes in now is not lost.
    [[nodiscard]] bool has_room() const { return used_ + length_ < capacity - 1; }
    void set_echo(bool wanted)
    {
        termios_.lflag = wanted ? termios_.lflag | l_echo : termios_.lflag & ~l_echo;
    }
    [[nodiscard]] bool is_canonical() const { return (termios_.lflag & l_icanon) != 0; }
    [[nodiscard]] bool is_stopped() const { return stopped_; } // by XOFF, or by TCOOFF
    void set_stopped(bool stopped) { stopped_ = stopped; }

  private:
    static constexpr usize capacity = 4096;   // of both, as MAX_CANON of Linux
    static constexpr u16 ends_line = 0x100;   // the last character of a line
    static constexpr u16 end_of_file = 0x200; // no character, but the end of a read
    [[nodiscard]] bool is(u32 which, u8 c) const { return c != 0 && termios_.cc[which] == c; }
    [[nodiscard]] bool has(u32 flag) const { return (termios_.lflag & flag) != 0; }
    bool edit(u8 c);
    void add(u8 c);
    void commit(u16 last);
    void push(u16 entry);
    u16 pop();
    void echo(u8 c);
    void emit(std::string_view text) { emit_(context_, text); }
    void out(u8 c);
    void erase_one();
    void erase_word();
    void kill_line();
    void reprint();
    void rub_out(u32 columns);
    [[nodiscard]] u32 width(usize upto) const; // columns behind the line's start

    void (*emit_)(void*, std::string_view);
    void* context_;
    Termios termios_;
    std::array<u16, capacity> queue_;
    usize first_ = 0;
    usize used_ = 0;
    usize lines_ = 0;
    std::array<u8, capacity> line_; // being edited
    usize length_ = 0;
    u32 column_ = 0;      // of the device, as far as what is written tells
    u32 line_column_ = 0; // where the edited line began
    bool literal_ = false;
    bool stopped_ = false;
};

} // namespace still::tty
