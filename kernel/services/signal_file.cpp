// SPDX-License-Identifier: BSD-2-Clause
// signalfd(2): the signals pend in the LWK, and are those of the thread that reads. The set is OpenFile::number.
#include <services/calls.hpp>
#include <services/polling.hpp>

namespace still::services {

namespace {

WaitQueue signals; // one of a set that somebody has asked for has come
std::atomic<u64> news{0};

// struct signalfd_siginfo
struct FileSignal {
    u32 signo;
    i32 error, code;
    u32 pid, uid;
    i32 fd;
    u32 tid, band, overrun, trap;
    i32 status, number;
    u64 pointer, user_time, system_time, address;
    u16 address_bits;
    u8 pad[46];
};
static_assert(sizeof(FileSignal) == 128);

// Which fields of siginfo_t a sender meant, by number and code, as Linux has it.
enum class Shape : u8 { plain, queued, timer, polled, fault, child };

Shape shape_of(u32 signo, i32 code)
{
    constexpr i32 si_sigio = -5, most_poll_codes = 6;
    constexpr u32 sig_ill = 4, sig_trap = 5, sig_fpe = 8, sig_poll = 29;
    if (code > si_user && code < si_kernel) {
        if (signo == sig_chld)
            return Shape::child;
        if (signo == sig_ill || signo == sig_trap || signo == sig_bus || signo == sig_fpe ||
            signo == sig_segv)
            return Shape::fault;
        return signo == sig_poll || code <= most_poll_codes ? Shape::polled : Shape::plain;
    }
    if (code == si_timer)
        return Shape::timer;
    if (code == si_sigio)
        return Shape::polled;
    return code < 0 ? Shape::queued : Shape::plain;
}

FileSignal translate(const SignalInfo& info)
{
    FileSignal out{};
    out.signo = info.signo;
    out.error = info.error;
    out.code = info.code;
    switch (shape_of(info.signo, info.code)) {
    case Shape::child:
        out.status = static_cast<i32>(info.value);
        out.user_time = info.rest[0];
        out.system_time = info.rest[1];
        [[fallthrough]];
    case Shape::plain:
        out.pid = info.pid;
        out.uid = info.uid;
        break;
    case Shape::queued:
        out.pid = info.pid;
        out.uid = info.uid;
        out.pointer = info.value;
        out.number = static_cast<i32>(info.value);
        break;
    case Shape::timer:
        out.tid = info.pid;
        out.overrun = info.uid;
        out.pointer = info.value;
        out.number = static_cast<i32>(info.value);
        break;
    case Shape::polled:
        out.band = info.pid;
        out.fd = static_cast<i32>(info.value);
        break;
    case Shape::fault:
        out.address = info.pid | static_cast<u64>(info.uid) << 32;
        break;
    }
    return out;
}

u64 set_of(const OpenFile& file)
{
    return __atomic_load_n(&file.number, __ATOMIC_RELAXED);
}

TakenSignal ask(const OpenFile& file, bool only_look)
{
    Task& task = current_task();
    return take_signal(*task.owner, task.tid, set_of(file), only_look);
}

Result<u64> read_signals(OpenFile& file, const Buffer& to, u64 bytes, u64)
{
    const u64 count = bytes / sizeof(FileSignal);
    if (count == 0)
        return fail(Errno::inval);
    u64 done = 0;
    for (; done < count; ++done) {
        TakenSignal taken;
        const auto take = [&] {
            taken = ask(file, false);
            return taken.signo != 0;
        };
        const bool waits = done == 0 && !file.is_nonblocking();
        if (waits)
            TRY_STATUS(wait_until(signals, take));
        else if (!take())
            break;
        const FileSignal out = translate(taken.info);
        TRY_STATUS(to.put(done * sizeof(out), &out, sizeof(out)));
    }
    return done != 0 ? Result<u64>(done * sizeof(FileSignal)) : fail(Errno::again);
}

u32 poll_signals(OpenFile& file)
{
    return ask(file, true).signo != 0 ? poll_in : 0;
}

u64 signals_activity(OpenFile&)
{
    return news.load();
}

constinit const FileOps signal_ops = {.read = read_signals,
                                      .poll = poll_signals,
                                      .label = "anon_inode:[signalfd]",
                                      .activity = signals_activity};

} // namespace

// From any context, with locks of the LWK's held.
void signal_news()
{
    news.fetch_add(1);
    signals.wake();
}

Served serve_signalfd(Client& client, const Args& a)
{
    if (static_cast<i32>(a[0]) != -1) {
        const FileRef file = TRY(file_of(client, a[0]));
        if (file->ops != &signal_ops)
            return fail(Errno::inval);
        __atomic_store_n(&file->number, a[1], __ATOMIC_RELAXED);
        signals.wake();
        return a[0];
    }
    const FileRef file = TRY(open_anonymous(signal_ops, o_rdwr | (static_cast<u32>(a[2]) & o_nonblock)));
    file->number = a[1];
    return add_descriptor(client, file, (a[2] & o_cloexec) != 0);
}

} // namespace still::services
