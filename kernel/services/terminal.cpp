// SPDX-License-Identifier: BSD-2-Clause
// The console as a file: between the terminal (tty.hpp), which knows groups and signals, and processes.
#include <services/calls.hpp>
#include <services/terminal.hpp>
#include <services/tty.hpp>

namespace still::services {

namespace {

tty::Caller caller_of(const Client& client)
{
    const u32 nr = current_task().slot.shared()->nr; // with what the thread blocks of SIGTTIN and SIGTTOU
    tty::Caller who;
    LockGuard guard(clients_lock);
    who.group = client.group;
    who.session = client.session;
    who.blocks_ttin = (nr & STILL_CALL_BLOCKS_TTIN) != 0 || (client.ignored_tty & signal_bit(sig_ttin)) != 0;
    who.blocks_ttou = (nr & STILL_CALL_BLOCKS_TTOU) != 0 || (client.ignored_tty & signal_bit(sig_ttou)) != 0;
    return who;
}

WaitConditions conditions()
{
    return {[](void* task) { return static_cast<Task*>(task)->owner->dying.load(); },
            [](void* task) { return signal_pending(*static_cast<Task*>(task)); }, &current_task()};
}

// An interrupted call: the LWK knows whether it is made again.
template <class T> Result<T> answer(const Result<T>& result)
{
    return !result && result.error() == Errno::restart ? fail(Errno::intr) : result;
}

constexpr u64 piece_bytes = 1024;

Result<u64> read_terminal(OpenFile& file, const Buffer& to, u64 bytes, u64)
{
    u8 room[piece_bytes];
    const u64 got = TRY(answer(tty::read(caller_of(current_client()), {room, min(bytes, piece_bytes)},
                                         !file.is_nonblocking(), conditions())));
    TRY_STATUS(to.put(0, room, got));
    return got;
}

Result<u64> write_terminal(OpenFile& file, const Buffer& from, u64 bytes, u64)
{
    u8 room[piece_bytes];
    const tty::Caller who = caller_of(current_client());
    u64 done = 0;
    while (done < bytes) {
        const u64 piece = min(bytes - done, piece_bytes);
        if (!from.get(done, room, piece))
            return done != 0 ? Result<u64>(done) : fail(Errno::fault);
        const auto put = answer(tty::write(who, {room, piece}, !file.is_nonblocking(), conditions()));
        if (!put)
            return done != 0 ? Result<u64>(done) : fail(put.error());
        done += *put;
        if (*put < piece)
            break;
    }
    return done;
}

u32 poll_terminal(OpenFile&)
{
    const u32 events = tty::poll();
    return ((events & tty::poll_in) != 0 ? poll_in | poll_rdnorm : 0) |
           ((events & tty::poll_out) != 0 ? poll_out | poll_wrnorm : 0);
}

Result<u64> ioctl_terminal(OpenFile&, u32 request, u64 argument)
{
    const tty::IoctlShape* shape = tty::ioctl_shape(request);
    if (shape == nullptr)
        return fail(Errno::notty);
    u8 room[tty::max_ioctl_bytes] = {};
    if (shape->in)
        TRY_STATUS(copy_from_user(room, argument, shape->bytes));
    const Status done = tty::ioctl(caller_of(current_client()), request, {room, shape->bytes}, argument);
    if (!done)
        return fail(done.error() == Errno::restart ? Errno::intr : done.error());
    if (shape->out)
        TRY_STATUS(copy_to_user(argument, room, shape->bytes));
    return 0;
}

void signal_from_terminal(u32 group, u32 signo)
{
    signal_group(group, sent_signal(signo, si_kernel));
}

void terminal_changed()
{
    pollers.wake_own();
}

} // namespace

constinit const FileOps terminal_ops = {
    .read = read_terminal, .write = write_terminal, .poll = poll_terminal, .ioctl = ioctl_terminal};

void start_terminal(const Client& leader)
{
    tty::init({signal_from_terminal, terminal_changed});
    tty::set_session(leader.session, leader.group);
}

bool has_terminal(const Client& client)
{
    return client.session == tty::session();
}

u32 terminal_group()
{
    return tty::foreground();
}

} // namespace still::services
