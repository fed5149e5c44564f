// SPDX-License-Identifier: BSD-2-Clause
#include <services/line_discipline.hpp>

namespace still::tty {

namespace {

constexpr u32 sig_int = 2, sig_quit = 3, sig_tstp = 20;
constexpr u8 del = 0x7f;

// What Linux gives a fresh terminal (stty sane).
constexpr Termios sane = {i_icrnl | i_ixon,
                          o_post | o_nlcr,
                          0x4bf, // B38400, CS8, CREAD, HUPCL
                          l_isig | l_icanon | l_echo | l_echoe | l_echok | l_echoctl | l_echoke | l_iexten,
                          0,
                          {3, 28, del, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0}};

bool is_control(u8 c)
{
    return c < 0x20 || c == del;
}
bool is_word(u8 c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           c >= 0x80;
}
bool continues_utf8(u8 c)
{
    return (c & 0xc0) == 0x80;
}

} // namespace

LineDiscipline::LineDiscipline(void (*to_device)(void*, std::string_view), void* context)
    : emit_(to_device), context_(context), termios_(sane), queue_{}, line_{}
{
}

void LineDiscipline::push(u16 entry)
{
    if (used_ == capacity)
        return; // as Linux: what does not fit is lost
    queue_[(first_ + used_++) % capacity] = entry;
    lines_ += (entry & (ends_line | end_of_file)) != 0 ? 1 : 0;
}

u16 LineDiscipline::pop()
{
    const u16 entry = queue_[first_];
    first_ = (first_ + 1) % capacity;
    --used_;
    lines_ -= (entry & (ends_line | end_of_file)) != 0 ? 1 : 0;
    return entry;
}

// The edited line becomes readable as a whole, or, where there is no room for all of it, as much as fits.
void LineDiscipline::commit(u16 last)
{
    for (usize i = 0; i < length_; ++i)
        push(line_[i]);
    if (last != 0) {
        if (used_ == capacity) { // the line must end all the same
            u16& end = queue_[(first_ + used_ - 1) % capacity];
            lines_ += (end & (ends_line | end_of_file)) == 0 ? 1 : 0;
            end |= ends_line;
        } else {
            push(last);
        }
    }
    length_ = 0;
}

usize LineDiscipline::read(std::span<u8> room)
{
    usize n = 0;
    if (!readable())
        return 0;
    while (n < room.size() && used_ > 0) {
        const u16 entry = pop();
        if ((entry & end_of_file) != 0) {
            if (is_canonical())
                break;
            continue;
        }
        room[n++] = static_cast<u8>(entry);
        if ((entry & ends_line) != 0 && is_canonical())
            break;
        // An end of file right behind what filled the room belongs to this read.
        if (n == room.size() && used_ > 0 && is_canonical() && (queue_[first_] & end_of_file) != 0)
            pop();
    }
    return n;
}

usize LineDiscipline::available() const
{
    if (is_canonical() && lines_ == 0)
        return 0;
    usize n = 0;
    for (usize i = 0; i < used_; ++i)
        n += (queue_[(first_ + i) % capacity] & end_of_file) == 0 ? 1 : 0;
    return n;
}

void LineDiscipline::set_termios(const Termios& wanted)
{
    const bool was_canonical = is_canonical();
    termios_ = wanted;
    if (was_canonical && !is_canonical())
        commit(0); // what was typed so far can be read now
    if ((termios_.iflag & i_ixon) == 0)
        stopped_ = false;
}

void LineDiscipline::flush_input()
{
    first_ = used_ = lines_ = length_ = 0;
    literal_ = false;
}

void LineDiscipline::out(u8 c)
{
    const char one = static_cast<char>(c);
    if ((termios_.oflag & o_post) == 0) {
        emit({&one, 1});
        return;
    }
    if (c == '\n') {
        if ((termios_.oflag & (o_nlcr | o_nlret)) != 0)
            column_ = 0;
        emit((termios_.oflag & o_nlcr) != 0 ? std::string_view("\r\n") : std::string_view("\n"));
        return;
    }
    if (c == '\r') {
        if ((termios_.oflag & o_nocr) != 0 && column_ == 0)
            return;
        column_ = 0;
        emit((termios_.oflag & o_crnl) != 0 ? "\n" : "\r");
        return;
    }
    if (c == '\t')
        column_ = (column_ | 7) + 1;
    else if (c == '\b')
        column_ -= column_ > 0 ? 1 : 0;
    else if (!is_control(c) && !continues_utf8(c))
        ++column_;
    emit({&one, 1});
}

void LineDiscipline::write(std::string_view text)
{
    for (const char c : text)
        out(static_cast<u8>(c));
}

void LineDiscipline::echo(u8 c)
{
    if (!has(l_echo)) {
        if (c == '\n' && has(l_echonl) && is_canonical())
            out(c);
        return;
    }
    if (is_control(c) && has(l_echoctl) && c != '\n' && c != '\t' && !is(c_start, c) && !is(c_stop, c)) {
        out('^');
        out(c ^ 0x40);
        return;
    }
    out(c);
}

u32 LineDiscipline::width(usize upto) const
{
    u32 column = line_column_;
    for (usize i = 0; i < upto; ++i) {
        const u8 c = line_[i];
        if (c == '\t')
            column = (column | 7) + 1;
        else if (is_control(c))
            column += has(l_echoctl) ? 2 : 0;
        else if (!((termios_.iflag & i_utf8) != 0 && continues_utf8(c)))
            ++column;
    }
    return column - line_column_;
}

void LineDiscipline::rub_out(u32 columns)
{
    for (; columns > 0; --columns) {
        out('\b');
        out(' ');
        out('\b');
    }
}

void LineDiscipline::erase_one()
{
    if (length_ == 0)
        return;
    const u32 before = width(length_);
    const u8 gone = line_[--length_];
    while (length_ > 0 && (termios_.iflag & i_utf8) != 0 && continues_utf8(line_[length_]))
        --length_;
    if (!has(l_echo))
        return;
    if (!has(l_echoe)) {
        echo(gone);
        return;
    }
    if (gone == '\t')
        for (u32 n = before - width(length_); n > 0; --n)
            out('\b');
    else
        rub_out(before - width(length_));
}

void LineDiscipline::erase_word()
{
    bool seen = false;
    while (length_ > 0 && (is_word(line_[length_ - 1]) || !seen)) {
        seen = seen || is_word(line_[length_ - 1]);
        erase_one();
    }
}

void LineDiscipline::kill_line()
{
    if (has(l_echo) && has(l_echok) && !has(l_echoke)) {
        echo(termios_.cc[c_kill]);
        out('\n');
        length_ = 0;
        return;
    }
    while (length_ > 0)
        erase_one();
}

void LineDiscipline::reprint()
{
    echo(termios_.cc[c_reprint]);
    out('\n');
    line_column_ = column_;
    for (usize i = 0; i < length_; ++i)
        echo(line_[i]);
}

void LineDiscipline::add(u8 c)
{
    if (length_ + 1 >= capacity) { // the newline must fit
        emit("\a");
        return;
    }
    if (length_ == 0)
        line_column_ = column_;
    line_[length_++] = c;
    echo(c);
}

// A character that edits the line or ends it. false: it is one of the line's.
bool LineDiscipline::edit(u8 c)
{
    const bool extended = has(l_iexten);
    if (is(c_erase, c)) {
        erase_one();
    } else if (is(c_kill, c)) {
        kill_line();
    } else if (extended && is(c_werase, c)) {
        erase_word();
    } else if (extended && is(c_reprint, c) && has(l_echo)) {
        reprint();
    } else if (extended && is(c_lnext, c)) {
        literal_ = true;
        if (has(l_echo) && has(l_echoctl))
            emit("^\b");
    } else if (is(c_eof, c)) {
        commit(end_of_file);
    } else if (c == '\n' || is(c_eol, c) || (extended && is(c_eol2, c))) {
        echo(c);
        commit(static_cast<u16>(c | ends_line));
    } else {
        return false;
    }
    return true;
}

u32 LineDiscipline::input(u8 c)
{
    if (literal_) {
        literal_ = false;
        add(c);
        return 0;
    }
    const u32 flags = termios_.iflag;
    if ((flags & i_istrip) != 0)
        c &= 0x7f;
    if ((flags & i_ixon) != 0) {
        if (is(c_start, c) || (stopped_ && (is(c_stop, c) || (flags & i_ixany) != 0))) {
            stopped_ = is(c_stop, c) && !is(c_start, c);
            if (is(c_start, c) || is(c_stop, c))
                return 0;
        } else if (is(c_stop, c)) {
            stopped_ = true;
            return 0;
        }
    }
    if (has(l_isig)) {
        const u32 signal = is(c_intr, c) ? sig_int : is(c_quit, c) ? sig_quit : is(c_susp, c) ? sig_tstp : 0;
        if (signal != 0) {
            if (!has(l_noflsh))
                flush_input();
            stopped_ = false;
            echo(c);
            return signal;
        }
    }
    if (c == '\r') {
        if ((flags & i_igncr) != 0)
            return 0;
        if ((flags & i_icrnl) != 0)
            c = '\n';
    } else if (c == '\n' && (flags & i_inlcr) != 0) {
        c = '\r';
    }
    if (is_canonical()) {
        if (!edit(c))
            add(c);
        return 0;
    }
    echo(c);
    push(c);
    return 0;
}

} // namespace still::tty
