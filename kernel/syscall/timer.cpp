// SPDX-License-Identifier: BSD-2-Clause
// timer_create(2) and its family, setitimer(2).
#include <exec/timers.hpp>
#include <exec/user_memory.hpp>
#include <syscall/dispatch.hpp>

namespace still {

namespace {

struct SignalEvent { // struct sigevent
    u64 value;
    u32 signo;
    u32 notify;
    u32 tid;
    u32 pad[11];
};
static_assert(sizeof(SignalEvent) == 64);

constexpr u32 notify_signal = 0, notify_none = 1, notify_thread = 2, notify_thread_id = 4;
constexpr u32 sig_alrm = 14;
constexpr u64 abstime = 1;
constexpr i32 clock_raw = 4, clock_realtime_coarse = 5, clock_monotonic_coarse = 6, clock_realtime_alarm = 8,
              clock_boottime_alarm = 9;

struct TimerSpec { // struct itimerspec
    TimeSpec interval;
    TimeSpec value;
};

struct TimeVal {
    i64 seconds;
    i64 microseconds;
};
struct IntervalSpec { // struct itimerval
    TimeVal interval;
    TimeVal value;
};

Result<TimerSetting> to_setting(const TimerSpec& spec)
{
    TimerSetting s;
    s.interval = TRY(to_ns(spec.interval));
    s.value = TRY(to_ns(spec.value));
    return s;
}

TimerSpec to_spec(const TimerSetting& s)
{
    return {to_timespec(s.interval), to_timespec(s.value)};
}

Result<u64> to_ns(const TimeVal& t)
{
    if (t.seconds < 0 || t.microseconds < 0 || t.microseconds >= 1'000'000)
        return fail(Errno::inval);
    return still::to_ns(TimeSpec{t.seconds, t.microseconds * 1000});
}

TimeVal to_timeval(u64 ns)
{
    const TimeSpec t = to_timespec((ns + 999) / 1000 * 1000);
    return {t.seconds, t.nanoseconds / 1000};
}

IntervalSpec to_interval(const TimerSetting& s)
{
    return {to_timeval(s.interval), to_timeval(s.value)};
}

Result<Clock> clock_for_timer(Task& task, i32 id)
{
    switch (id) {
    case clock_raw:
    case clock_realtime_coarse:
    case clock_monotonic_coarse:
    case clock_realtime_alarm: // nothing here wakes a sleeping machine
    case clock_boottime_alarm:
        return fail(Errno::opnotsupp);
    default: {
        const auto clock = find_clock(task, id);
        return clock ? clock : fail(Errno::inval);
    }
    }
}

Status check_event(Process& p, const SignalEvent& e)
{
    if (e.notify == notify_none)
        return {};
    if (e.notify != notify_signal && e.notify != notify_thread && e.notify != notify_thread_id)
        return fail(Errno::inval);
    if (e.signo == 0 || e.signo > num_signals)
        return fail(Errno::inval);
    if (e.notify != notify_thread_id)
        return {};
    LockGuard guard(p.lock);
    if (find_task(p, e.tid) == nullptr)
        return fail(Errno::inval);
    return {};
}

} // namespace

SyscallResult sys_timer_create(Task& task, const Call& call)
{
    Process& p = *task.owner;
    SignalEvent event{0, sig_alrm, notify_signal, 0, {}};
    if (call.arg[1] != 0)
        event = TRY(UserIn<SignalEvent>(call.arg[1]).read());
    const Clock clock = TRY(clock_for_timer(task, static_cast<i32>(call.arg[0])));
    TRY_STATUS(check_event(p, event));
    const i32 id = TRY(create_timer(p, clock, event.notify != notify_none,
                                    event.notify == notify_thread_id ? event.tid : 0, event.signo,
                                    call.arg[1] != 0 ? &event.value : nullptr));
    if (const Status s = UserOut<i32>(call.arg[2]).write(id); !s) {
        (void)delete_timer(p, id);
        return fail(s.error());
    }
    return 0;
}

SyscallResult sys_timer_settime(Task& task, const Call& call)
{
    if (call.arg[2] == 0)
        return fail(Errno::inval);
    const TimerSpec spec = TRY(UserIn<TimerSpec>(call.arg[2]).read());
    const TimerSetting wanted = TRY(to_setting(spec));
    const TimerSetting old =
        TRY(set_timer(*task.owner, static_cast<i32>(call.arg[0]), wanted, (call.arg[1] & abstime) != 0));
    if (call.arg[3] != 0)
        TRY_STATUS(UserOut<TimerSpec>(call.arg[3]).write(to_spec(old)));
    return 0;
}

SyscallResult sys_timer_gettime(Task& task, const Call& call)
{
    const TimerSetting now = TRY(get_timer(*task.owner, static_cast<i32>(call.arg[0])));
    TRY_STATUS(UserOut<TimerSpec>(call.arg[1]).write(to_spec(now)));
    return 0;
}

SyscallResult sys_timer_getoverrun(Task& task, const Call& call)
{
    return static_cast<u64>(TRY(timer_overrun(*task.owner, static_cast<i32>(call.arg[0]))));
}

SyscallResult sys_timer_delete(Task& task, const Call& call)
{
    TRY_STATUS(delete_timer(*task.owner, static_cast<i32>(call.arg[0])));
    return 0;
}

namespace {

constexpr i32 itimer_virtual = 1, itimer_prof = 2;

} // namespace

SyscallResult sys_setitimer(Task& task, const Call& call)
{
    const i32 which = static_cast<i32>(call.arg[0]);
    if (which != itimer_virtual && which != itimer_prof)
        return offload_unchanged(task, call); // wall time: its SIGALRM reaches the proxy and comes back to us
    TimerSetting wanted;
    if (call.arg[1] != 0) {
        const IntervalSpec spec = TRY(UserIn<IntervalSpec>(call.arg[1]).read());
        wanted.value = TRY(to_ns(spec.value));
        wanted.interval = TRY(to_ns(spec.interval));
    }
    const TimerSetting old = TRY(set_cpu_timer(*task.owner, which == itimer_prof, wanted));
    if (call.arg[2] != 0)
        TRY_STATUS(UserOut<IntervalSpec>(call.arg[2]).write(to_interval(old)));
    return 0;
}

SyscallResult sys_getitimer(Task& task, const Call& call)
{
    const i32 which = static_cast<i32>(call.arg[0]);
    if (which != itimer_virtual && which != itimer_prof)
        return offload_unchanged(task, call);
    TRY_STATUS(UserOut<IntervalSpec>(call.arg[1])
                   .write(to_interval(get_cpu_timer(*task.owner, which == itimer_prof))));
    return 0;
}

} // namespace still
