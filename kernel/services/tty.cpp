// SPDX-License-Identifier: BSD-2-Clause
#include <arch/console.hpp>
#include <arch/cpu.hpp>
#include <base/spin_lock.hpp>
#include <sched/clock.hpp>
#include <sched/scheduler.hpp>
#include <services/line_discipline.hpp>
#include <services/tty.hpp>

namespace still::tty {

namespace {

constexpr u32 sig_ttin = 21, sig_ttou = 22, sig_winch = 28;

struct WindowSize {
    u16 rows, columns, x, y;
};

void emit(void*, std::string_view text)
{
    arch::write_console(text);
}

SpinLock lock; // inside every lock but the log's and the run queues'
LineDiscipline discipline GUARDED_BY(lock){emit, nullptr};
WindowSize window GUARDED_BY(lock) = {24, 80, 0, 0};
Hooks hooks{};
std::atomic<u32> owner{0}; // session
std::atomic<u32> foreground_group{0};

// Threads that wait for input or for XON: on their own stacks.
struct Waiter {
    Thread* thread;
    Waiter* next;
};
Waiter* waiters GUARDED_BY(lock) = nullptr;

void add_waiter(Waiter& w) REQUIRES(lock)
{
    w.next = waiters;
    waiters = &w;
}

void remove_waiter(Waiter& w)
{
    LockGuard guard(lock);
    for (Waiter** at = &waiters; *at != nullptr; at = &(*at)->next)
        if (*at == &w) {
            *at = w.next;
            return;
        }
}

void wake_waiters()
{
    {
        LockGuard guard(lock);
        for (Waiter* w = waiters; w != nullptr; w = w->next)
            unpark(*w->thread);
    }
    if (hooks.changed != nullptr)
        hooks.changed();
}

void signal(u32 group, u32 signo)
{
    if (hooks.signal != nullptr && group != 0)
        hooks.signal(group, signo);
}

bool is_background(const Caller& who)
{
    return who.session != 0 && who.session == owner.load() && who.group != foreground_group.load();
}

// A background group may not go on: its signal is sent, and the call starts again after it.
Status stop_background(const Caller& who, u32 signo, bool blocks)
{
    if (blocks)
        return fail(Errno::io);
    signal(who.group, signo);
    return fail(Errno::restart);
}

// Waits until ready() holds, with the lock held for it; until a deadline, if that is not 0.
template <class Ready> Status wait(Ready&& ready, u64 deadline, const WaitConditions& until)
{
    for (;;) {
        if (until.abandon(until.context))
            return fail(Errno::intr);
        Waiter self{&current_thread(), nullptr};
        {
            LockGuard guard(lock);
            if (ready())
                return {};
            add_waiter(self);
        }
        if (!until.interrupt(until.context)) {
            if (deadline != 0)
                park_until(deadline);
            else
                park();
        }
        remove_waiter(self);
        if (deadline != 0 && arch::read_tsc() >= deadline)
            return fail(Errno::timedout);
        LockGuard guard(lock);
        if (ready())
            return {};
        if (until.interrupt(until.context))
            return fail(Errno::restart);
    }
}

// What termios says a read in raw mode waits for.
struct Wanted {
    usize bytes; // at least
    u64 first_us;
    u64 between_us;
};

Wanted wanted_now(usize room) REQUIRES(lock)
{
    if (discipline.is_canonical())
        return {1, 0, 0};
    const Termios& t = discipline.termios();
    const u64 time_us = t.cc[c_time] * 100'000ull;
    const usize least = min<usize>(t.cc[c_min], room);
    return {least, least == 0 ? time_us : 0, least == 0 ? 0 : time_us};
}

u64 deadline_after(u64 us)
{
    return us == 0 ? 0 : arch::read_tsc() + us_to_tsc(us);
}

} // namespace

void init(const Hooks& wanted)
{
    hooks = wanted;
    arch::enable_serial_input();
}

void set_session(u32 session, u32 group)
{
    owner.store(session);
    foreground_group.store(group);
}

u32 session()
{
    return owner.load();
}

u32 foreground()
{
    return foreground_group.load();
}

void on_serial_interrupt()
{
    u32 signals = 0; // one bit each
    bool any = false;
    for (i32 c = arch::read_serial(); c >= 0; c = arch::read_serial()) {
        LockGuard guard(lock);
        signals |= 1u << discipline.input(static_cast<u8>(c));
        any = true;
    }
    for (u32 signo = 1; signo < 32; ++signo)
        if ((signals >> signo & 1) != 0)
            signal(foreground_group.load(), signo);
    if (any)
        wake_waiters();
}

Result<usize> read(const Caller& who, std::span<u8> room, bool may_wait, const WaitConditions& until)
{
    if (is_background(who))
        TRY_STATUS(stop_background(who, sig_ttin, who.blocks_ttin));
    if (room.empty())
        return 0;
    Wanted wanted{};
    {
        LockGuard guard(lock);
        wanted = wanted_now(room.size());
        if (!may_wait && !discipline.readable())
            return fail(Errno::again);
    }
    auto enough = [&](usize bytes) NO_THREAD_SAFETY {
        return discipline.is_canonical() ? discipline.readable() : discipline.available() >= bytes;
    };
    if (may_wait && (wanted.bytes > 0 || wanted.first_us > 0)) {
        Status there = wait([&] { return enough(1); }, deadline_after(wanted.first_us), until);
        for (usize bytes = 2; there && bytes <= wanted.bytes; ++bytes)
            there = wait([&] { return enough(bytes); }, deadline_after(wanted.between_us), until);
        LockGuard guard(lock);
        if (!there && there.error() != Errno::timedout &&
            !(discipline.available() > 0 && discipline.readable()))
            return fail(there.error());
        return discipline.read(room);
    }
    LockGuard guard(lock);
    return discipline.read(room);
}

Result<usize> write(const Caller& who, std::span<const u8> data, bool may_wait, const WaitConditions& until)
{
    constexpr usize step = 256; // so that nobody waits for the lock until a page has gone out
    usize done = 0;
    while (done < data.size()) {
        bool forbidden = false;
        {
            LockGuard guard(lock);
            forbidden =
                !who.blocks_ttou && is_background(who) && (discipline.termios().lflag & l_tostop) != 0;
            if (!forbidden && !discipline.is_stopped()) {
                const usize n = min(step, data.size() - done);
                discipline.write({reinterpret_cast<const char*>(data.data() + done), n});
                done += n;
                continue;
            }
        }
        if (forbidden)
            TRY_STATUS(stop_background(who, sig_ttou, false));
        if (!may_wait)
            return done > 0 ? Result<usize>(done) : fail(Errno::again);
        const Status go_on = wait([] NO_THREAD_SAFETY { return !discipline.is_stopped(); }, 0, until);
        if (!go_on)
            return done > 0 ? Result<usize>(done) : fail(go_on.error());
    }
    return done;
}

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

u32 poll()
{
    LockGuard guard(lock);
    return (discipline.readable() ? poll_in : 0) | (discipline.is_stopped() ? 0 : poll_out);
}

} // namespace still::tty
