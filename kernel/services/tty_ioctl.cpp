// SPDX-License-Identifier: BSD-2-Clause
// The terminal's ioctls (ioctl_tty(2)).
#include <services/tty_state.hpp>

namespace still::tty {

namespace {

enum Command : u32 {
    tcgets = 0x5401,
    tcsets = 0x5402,
    tcsetsw = 0x5403,
    tcsetsf = 0x5404,
    tcsbrk = 0x5409,
    tcxonc = 0x540a,
    tcflsh = 0x540b,
    tiocsctty = 0x540e,
    tiocgpgrp = 0x540f,
    tiocspgrp = 0x5410,
    tiocoutq = 0x5411,
    tiocgwinsz = 0x5413,
    tiocswinsz = 0x5414,
    fionread = 0x541b,
    tiocnotty = 0x5422,
    tcsbrkp = 0x5425,
    tiocgsid = 0x5429,
    tcgets2 = 0x802c542a,
    tcsets2 = 0x402c542b,
    tcsetsw2 = 0x402c542c,
    tcsetsf2 = 0x402c542d,
};

constexpr IoctlShape shapes[] = {
    {tcgets, 36, false, true},    {tcsets, 36, true, false},    {tcsetsw, 36, true, false},
    {tcsetsf, 36, true, false},   {tcgets2, 44, false, true},   {tcsets2, 44, true, false},
    {tcsetsw2, 44, true, false},  {tcsetsf2, 44, true, false},  {tcsbrk, 0, false, false},
    {tcsbrkp, 0, false, false},   {tcxonc, 0, false, false},    {tcflsh, 0, false, false},
    {tiocsctty, 0, false, false}, {tiocnotty, 0, false, false}, {tiocgpgrp, 4, false, true},
    {tiocspgrp, 4, true, false},  {tiocgsid, 4, false, true},   {tiocoutq, 4, false, true},
    {fionread, 4, false, true},   {tiocgwinsz, 8, false, true}, {tiocswinsz, 8, true, false},
};

template <class T> T taken(std::span<const u8> data)
{
    T value{};
    __builtin_memcpy(&value, data.data(), min(sizeof(value), data.size()));
    return value;
}

template <class T> void give(std::span<u8> data, const T& value)
{
    __builtin_memcpy(data.data(), &value, min(sizeof(value), data.size()));
}

struct Termios2 {
    Termios plain;
    u32 input_speed, output_speed;
};
constexpr u32 console_speed = 115200;

WindowSize window GUARDED_BY(lock) = {24, 80, 0, 0};

void change_termios(u32 command, const Termios& wanted)
{
    {
        LockGuard guard(lock);
        if (command == tcsetsf || command == tcsetsf2)
            discipline.flush_input();
        discipline.set_termios(wanted);
    }
    wake_waiters();
}

// TCXONC: stop and go on with output; XOFF and XON to the other side are not sent, for nothing there obeys them.
Status flow(u64 argument)
{
    if (argument > 3)
        return fail(Errno::inval);
    if (argument < 2) {
        LockGuard guard(lock);
        discipline.set_stopped(argument == 0);
    }
    wake_waiters();
    return {};
}

Status flush(u64 argument)
{
    if (argument > 2)
        return fail(Errno::inval);
    LockGuard guard(lock);
    if (argument != 1) // output has gone out when write() returns
        discipline.flush_input();
    return {};
}

void resize(const WindowSize& wanted)
{
    bool same = false;
    {
        LockGuard guard(lock);
        same = __builtin_memcmp(&window, &wanted, sizeof(window)) == 0;
        window = wanted;
    }
    if (!same)
        signal(foreground_group.load(), sig_winch);
}

// For the terminal of the caller's own session only.
Status of_session(const Caller& who, u32 command, std::span<u8> data)
{
    if (command == tiocsctty) {
        if (owner.load() == who.session)
            return {};
        if (owner.load() != 0)
            return fail(Errno::perm);
        set_session(who.session, who.group);
        return {};
    }
    if (who.session == 0 || owner.load() != who.session)
        return fail(Errno::notty);
    if (command == tiocgpgrp)
        give(data, foreground_group.load());
    else if (command == tiocgsid)
        give(data, owner.load());
    else if (command == tiocnotty)
        set_session(0, 0);
    else if (is_background(who) && !who.blocks_ttou)
        return stop_background(who, sig_ttou, false);
    else if (taken<i32>(data) < 0)
        return fail(Errno::inval);
    else
        foreground_group.store(taken<u32>(data));
    return {};
}

} // namespace

const IoctlShape* ioctl_shape(u32 command)
{
    for (const IoctlShape& s : shapes)
        if (s.command == command)
            return &s;
    return nullptr;
}

Status ioctl(const Caller& who, u32 command, std::span<u8> data, u64 argument)
{
    switch (command) {
    case tcgets:
    case tcgets2: {
        LockGuard guard(lock);
        give(data, Termios2{discipline.termios(), console_speed, console_speed});
        return {};
    }
    case tcsets:
    case tcsetsw:
    case tcsetsf:
    case tcsets2:
    case tcsetsw2:
    case tcsetsf2:
        if (is_background(who) && !who.blocks_ttou)
            return stop_background(who, sig_ttou, false);
        change_termios(command, taken<Termios>(data));
        return {};
    case tcsbrk:
    case tcsbrkp:
        return {}; // what was written has gone out; a break is 0 bits long
    case tcxonc:
        return flow(argument);
    case tcflsh:
        return flush(argument);
    case tiocoutq:
        give(data, u32{0});
        return {};
    case fionread: {
        LockGuard guard(lock);
        give(data, static_cast<u32>(discipline.available()));
        return {};
    }
    case tiocgwinsz: {
        LockGuard guard(lock);
        give(data, window);
        return {};
    }
    case tiocswinsz:
        resize(taken<WindowSize>(data));
        return {};
    default:
        return of_session(who, command, data);
    }
}

} // namespace still::tty
