// SPDX-License-Identifier: BSD-2-Clause
#include <arch/console.hpp>
#include <arch/cpu.hpp>
#include <debug/log.hpp>
#include <sched/clock.hpp>
#include <sched/scheduler.hpp>
#include <services/tty_state.hpp>

namespace still::tty {

SpinLock lock;
LineDiscipline discipline{[](void*, std::string_view text) { ConsoleTurn::write(text); }, nullptr};
std::atomic<u32> owner{0};
std::atomic<u32> foreground_group{0};

namespace {

Hooks hooks{};
bool is_pipe = false;

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

} // namespace

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

Status stop_background(const Caller& who, u32 signo, bool blocks)
{
    if (blocks)
        return fail(Errno::io);
    signal(who.group, signo);
    return fail(Errno::restart);
}

namespace {

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
    on_serial_interrupt(); // for what came before
}

void take_from_pipe()
{
    LockGuard guard(lock);
    is_pipe = true;
    discipline.set_echo(false);
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
    for (;;) {
        LockGuard guard(lock);
        const i32 c = is_pipe && !discipline.has_room() ? -1 : arch::read_serial();
        if (c < 0)
            break;
        const ConsoleTurn turn; // for the echo
        signals |= 1u << discipline.input(static_cast<u8>(c));
        any = true;
    }
    for (u32 signo = 1; signo < 32; ++signo)
        if ((signals >> signo & 1) != 0)
            signal(foreground_group.load(), signo);
    if (any)
        wake_waiters();
}

namespace {

Result<usize> read_what_came(const Caller& who, std::span<u8> room, bool may_wait,
                             const WaitConditions& until)
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

} // namespace

Result<usize> read(const Caller& who, std::span<u8> room, bool may_wait, const WaitConditions& until)
{
    const Result<usize> got = read_what_came(who, room, may_wait, until);
    if (is_pipe)
        on_serial_interrupt(); // there is room again
    return got;
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
                const ConsoleTurn turn;
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

u32 poll()
{
    LockGuard guard(lock);
    return (discipline.readable() ? poll_in : 0) | (discipline.is_stopped() ? 0 : poll_out);
}

} // namespace still::tty
