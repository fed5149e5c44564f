// SPDX-License-Identifier: BSD-2-Clause
// eventfd(2) and timerfd_create(2).
#include <services/calls.hpp>
#include <services/polling.hpp>

namespace still::services {

namespace {

// --- eventfd ---

constexpr u64 most_count = ~0ull - 1;

struct EventCount {
    SpinLock lock;
    u64 count GUARDED_BY(lock) = 0;
    u64 changes GUARDED_BY(lock) = 0;
    bool is_semaphore = false;
    WaitQueue changed;
};

EventCount& event_of(OpenFile& file)
{
    return *static_cast<EventCount*>(file.state);
}

Result<u64> read_event(OpenFile& file, const Buffer& to, u64 bytes, u64)
{
    if (bytes < sizeof(u64))
        return fail(Errno::inval);
    EventCount& event = event_of(file);
    u64 taken = 0;
    const auto take = [&] {
        LockGuard guard(event.lock);
        if (event.count == 0)
            return false;
        taken = event.is_semaphore ? 1 : event.count;
        event.count -= taken;
        ++event.changes;
        return true;
    };
    if (file.is_nonblocking()) {
        if (!take())
            return fail(Errno::again);
    } else {
        TRY_STATUS(wait_until(event.changed, take));
    }
    event.changed.wake();
    TRY_STATUS(to.put(0, &taken, sizeof(taken)));
    return sizeof(taken);
}

Result<u64> write_event(OpenFile& file, const Buffer& from, u64 bytes, u64)
{
    u64 more = 0;
    if (bytes < sizeof(more))
        return fail(Errno::inval);
    TRY_STATUS(from.get(0, &more, sizeof(more)));
    if (more == ~0ull)
        return fail(Errno::inval);
    EventCount& event = event_of(file);
    const auto add = [&] {
        LockGuard guard(event.lock);
        if (more > most_count - event.count)
            return false;
        event.count += more;
        ++event.changes;
        return true;
    };
    if (file.is_nonblocking()) {
        if (!add())
            return fail(Errno::again);
    } else {
        TRY_STATUS(wait_until(event.changed, add));
    }
    event.changed.wake();
    return sizeof(more);
}

u32 poll_event(OpenFile& file)
{
    EventCount& event = event_of(file);
    LockGuard guard(event.lock);
    return (event.count != 0 ? poll_in | poll_rdnorm : 0) |
           (event.count < most_count ? poll_out | poll_wrnorm : 0);
}

u64 event_activity(OpenFile& file)
{
    EventCount& event = event_of(file);
    LockGuard guard(event.lock);
    return event.changes;
}

void close_event(OpenFile& file)
{
    destroy(&event_of(file));
}

constinit const FileOps event_ops = {.read = read_event,
                                     .write = write_event,
                                     .poll = poll_event,
                                     .close = close_event,
                                     .label = "anon_inode:[eventfd]",
                                     .activity = event_activity};

// --- timerfd ---

struct FileTimer {
    bool is_realtime = false;
    SpinLock lock;
    u64 due GUARDED_BY(lock) = 0; // ns of its clock, 0: not armed
    u64 interval GUARDED_BY(lock) = 0;
    WaitQueue changed;

    [[nodiscard]] u64 now() const { return is_realtime ? realtime_ns() : monotonic_ns(); }
};

FileTimer& timer_of(OpenFile& file)
{
    return *static_cast<FileTimer*>(file.state);
}

// How often it has expired since that was last asked.
u64 take_expirations(FileTimer& timer)
{
    LockGuard guard(timer.lock);
    const u64 now = timer.now();
    if (timer.due == 0 || timer.due > now)
        return 0;
    if (timer.interval == 0) {
        timer.due = 0;
        return 1;
    }
    const u64 count = (now - timer.due) / timer.interval + 1;
    timer.due += count * timer.interval;
    return count;
}

u64 due_of_timer(OpenFile& file)
{
    FileTimer& timer = timer_of(file);
    LockGuard guard(timer.lock);
    if (timer.due == 0)
        return no_deadline;
    const u64 now = timer.now();
    return monotonic_ns() + (timer.due > now ? timer.due - now : 0);
}

Result<u64> read_timer(OpenFile& file, const Buffer& to, u64 bytes, u64)
{
    if (bytes < sizeof(u64))
        return fail(Errno::inval);
    FileTimer& timer = timer_of(file);
    u64 count = take_expirations(timer);
    while (count == 0) {
        if (file.is_nonblocking())
            return fail(Errno::again);
        const Status waited = wait_until(
            timer.changed, [&] { return (count = take_expirations(timer)) != 0; }, due_of_timer(file));
        if (!waited && waited.error() != Errno::timedout)
            return fail(waited.error());
        if (count == 0)
            count = take_expirations(timer);
    }
    TRY_STATUS(to.put(0, &count, sizeof(count)));
    return sizeof(count);
}

u32 poll_timer(OpenFile& file)
{
    FileTimer& timer = timer_of(file);
    LockGuard guard(timer.lock);
    return timer.due != 0 && timer.due <= timer.now() ? poll_in | poll_rdnorm : 0;
}

u64 timer_activity(OpenFile& file)
{
    FileTimer& timer = timer_of(file);
    LockGuard guard(timer.lock);
    return timer.due != 0 && timer.interval != 0 && timer.now() >= timer.due
               ? (timer.now() - timer.due) / timer.interval + timer.due
               : timer.due;
}

void close_timer(OpenFile& file)
{
    destroy(&timer_of(file));
}

constinit const FileOps timer_ops = {.read = read_timer,
                                     .poll = poll_timer,
                                     .close = close_timer,
                                     .label = "anon_inode:[timerfd]",
                                     .due = due_of_timer,
                                     .activity = timer_activity};

// A description of a kind with a state of its own.
template <class State> Served add_file(Client& client, const FileOps& ops, State* state, u32 flags)
{
    if (state == nullptr)
        return fail(Errno::nomem);
    const auto file = open_anonymous(ops, o_rdwr | (flags & o_nonblock));
    if (!file) {
        destroy(state);
        return fail(file.error());
    }
    (*file)->state = state;
    return add_descriptor(client, *file, (flags & o_cloexec) != 0);
}

struct TimerSpec { // struct itimerspec
    u64 interval_s, interval_ns, value_s, value_ns;
};

TimerSpec setting_of(FileTimer& timer)
{
    constexpr u64 second = 1'000'000'000;
    LockGuard guard(timer.lock);
    const u64 now = timer.now();
    const u64 left = timer.due == 0 ? 0 : timer.due > now ? timer.due - now : 1;
    return {timer.interval / second, timer.interval % second, left / second, left % second};
}

Result<FileRef> timer_file(Client& client, u64 fd)
{
    FileRef file = TRY(file_of(client, fd));
    if (file->ops != &timer_ops)
        return fail(Errno::inval);
    return file;
}

} // namespace

Served serve_eventfd2(Client& client, const Args& a)
{
    constexpr u64 semaphore = 1;
    if ((a[1] & ~static_cast<u64>(semaphore | o_nonblock | o_cloexec)) != 0)
        return fail(Errno::inval);
    auto* event = make<EventCount>();
    if (event != nullptr) {
        LockGuard guard(event->lock);
        event->count = static_cast<u32>(a[0]);
        event->is_semaphore = (a[1] & semaphore) != 0;
    }
    return add_file(client, event_ops, event, static_cast<u32>(a[1]));
}

Served serve_eventfd(Client& client, const Args& a)
{
    return serve_eventfd2(client, {a[0], 0});
}

Served serve_timerfd_create(Client& client, const Args& a)
{
    constexpr u64 realtime = 0, monotonic = 1, boottime = 7, realtime_alarm = 8, boottime_alarm = 9;
    const u64 clock = a[0];
    if ((a[1] & ~static_cast<u64>(o_nonblock | o_cloexec)) != 0 ||
        (clock != realtime && clock != monotonic && clock != boottime && clock != realtime_alarm &&
         clock != boottime_alarm))
        return fail(Errno::inval);
    auto* timer = make<FileTimer>();
    if (timer != nullptr)
        timer->is_realtime = clock == realtime || clock == realtime_alarm;
    return add_file(client, timer_ops, timer, static_cast<u32>(a[1]));
}

Served serve_timerfd_settime(Client& client, const Args& a)
{
    constexpr u64 absolute = 1, cancel_on_set = 2, second = 1'000'000'000;
    const TimerSpec spec = TRY(UserIn<TimerSpec>(a[2]).read());
    if ((a[1] & ~(absolute | cancel_on_set)) != 0 || spec.interval_ns >= second || spec.value_ns >= second ||
        static_cast<i64>(spec.interval_s | spec.value_s) < 0)
        return fail(Errno::inval);
    const FileRef file = TRY(timer_file(client, a[0]));
    FileTimer& timer = timer_of(*file);
    const TimerSpec old = setting_of(timer);
    const auto to_ns = [](u64 s, u64 ns) { return min<u64>(s, 1ull << 32) * second + ns; };
    const u64 value = to_ns(spec.value_s, spec.value_ns);
    {
        LockGuard guard(timer.lock);
        timer.due = value == 0 || (a[1] & absolute) != 0 ? value : timer.now() + value;
        timer.interval = to_ns(spec.interval_s, spec.interval_ns);
    }
    timer.changed.wake();
    if (a[3] != 0)
        TRY_STATUS(UserOut<TimerSpec>(a[3]).write(old));
    return 0;
}

Served serve_timerfd_gettime(Client& client, const Args& a)
{
    const FileRef file = TRY(timer_file(client, a[0]));
    TRY_STATUS(UserOut<TimerSpec>(a[1]).write(setting_of(timer_of(*file))));
    return 0;
}

} // namespace still::services
