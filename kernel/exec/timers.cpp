// SPDX-License-Identifier: BSD-2-Clause
#include <arch/cpu.hpp>
#include <exec/timers.hpp>
#include <mm/object_cache.hpp>
#include <sched/clock.hpp>

namespace still {

namespace {

ObjectCache<PosixTimer> cache;

constexpr u64 second = 1'000'000'000;
constexpr u64 unlimited = ~0ull;
constexpr u64 longest_pause = 20'000'000, shortest_pause = 200'000; // between looks at CPU time

PosixTimer* find(Process& p, i32 id) REQUIRES(p.lock)
{
    for (PosixTimer* t = p.timers.first; t != nullptr; t = t->next)
        if (t->id == id)
            return t;
    return nullptr;
}

// How many whole intervals lie between due and now.
u64 missed(u64 due, u64 now, u64 interval)
{
    return interval != 0 && now > due ? (now - due) / interval : 0;
}

constexpr u64 least_pause = 10'000;
constexpr u64 tick_ns = 4'000'000;

void fire(Process& p, PosixTimer& t, u64 now) REQUIRES(p.lock)
{
    t.fired = t.due;
    t.due = 0;
    if (send_timer_signal(p, t.tid, t.node))
        return; // goes on when that is taken
    // The signal is ignored: as Linux, no more often than its tick.
    if (t.interval != 0)
        t.due = max(t.fired + (missed(t.fired, now, t.interval) + 1) * t.interval, now + tick_ns);
}

// Both are due.
bool goes_first(const PosixTimer& a, const PosixTimer& b)
{
    if (a.clock.kind != b.clock.kind || a.clock.kind == Clock::Kind::thread_cpu)
        return a.late > b.late;
    return a.due < b.due || (a.due == b.due && a.id < b.id);
}

PosixTimer* merged(PosixTimer* a, PosixTimer* b)
{
    PosixTimer* first = nullptr;
    PosixTimer** end = &first;
    while (a != nullptr && b != nullptr) {
        PosixTimer*& earlier = goes_first(*a, *b) ? a : b;
        *end = earlier;
        end = &earlier->next_late;
        earlier = earlier->next_late;
    }
    *end = a != nullptr ? a : b;
    return first;
}

// Timers that are due, the longest due first, as Linux has them; of those due at once the oldest first.
class LateTimers {
  public:
    void add(PosixTimer& t, u64 late)
    {
        t.late = late;
        t.next_late = nullptr;
        PosixTimer* run = &t;
        u32 n = 0;
        for (; runs_[n] != nullptr; ++n) {
            run = merged(run, runs_[n]);
            runs_[n] = nullptr;
        }
        runs_[n] = run;
    }
    PosixTimer* in_order() const
    {
        PosixTimer* all = nullptr;
        for (PosixTimer* run : runs_)
            all = merged(all, run);
        return all;
    }

  private:
    PosixTimer* runs_[32] = {}; // n: none, or 2^n timers in their order
};

// An itimer of CPU time.
void tick(Process& p, CpuTimer& t, u64 now, u32 signo) REQUIRES(p.lock)
{
    if (t.due == 0 || now < t.due)
        return;
    t.due = t.interval != 0 ? t.due + (missed(t.due, now, t.interval) + 1) * t.interval : 0;
    post_locked(p, sent_signal(signo, si_kernel));
}

void check_limit(Process& p, u64 now) REQUIRES(p.lock)
{
    if (p.limit_cpu.hard != unlimited && now >= p.limit_cpu.hard * second) {
        post_locked(p, sent_signal(sig_kill, si_kernel));
    } else if (p.limit_cpu.soft != unlimited && now >= p.limit_cpu.soft * second) {
        post_locked(p, sent_signal(sig_xcpu, si_kernel));
        ++p.limit_cpu.soft; // as Linux: once more each second
    }
}

void sooner(u64& next, u64 when)
{
    next = next == 0 || when < next ? when : next;
}

struct Next {
    u64 real = 0; // ns from now until something is due by a clock of real time; 0: nothing
    u64 cpu = 0;  // likewise in ns of CPU time
};

Next run_due(Process& p) REQUIRES(p.lock)
{
    Next next;
    const u64 cpu = read_clock_locked(p, {Clock::Kind::process_cpu});
    tick(p, p.timers.virt, cpu, sig_vtalrm);
    tick(p, p.timers.prof, cpu, sig_prof);
    check_limit(p, cpu);
    for (const u64 due : {p.timers.virt.due, p.timers.prof.due})
        if (due != 0)
            sooner(next.cpu, max(due, cpu + 1) - cpu);
    for (const u64 limit : {p.limit_cpu.soft, p.limit_cpu.hard})
        if (limit < unlimited / second)
            sooner(next.cpu, max(limit * second, cpu + 1) - cpu);
    LateTimers late;
    for (PosixTimer* t = p.timers.first; t != nullptr; t = t->next) {
        if (t->due == 0 || !t->sends) // who has no signal is looked at by timer_gettime only
            continue;
        const u64 now = read_clock_locked(p, t->clock);
        if (now >= t->due)
            late.add(*t, now - t->due);
    }
    for (PosixTimer* t = late.in_order(); t != nullptr; t = t->next_late)
        fire(p, *t, t->due + t->late);
    for (PosixTimer* t = p.timers.first; t != nullptr; t = t->next) {
        if (t->due == 0 || !t->sends)
            continue;
        const u64 now = read_clock_locked(p, t->clock);
        sooner(t->clock.is_cpu_time() ? next.cpu : next.real, max(t->due, now + 1) - now);
        if (t->clock.kind == Clock::Kind::realtime)
            sooner(next.real, second); // it may be set
    }
    return next;
}

// CPU time advances on as many CPUs as there are tasks; while all sleep it does not, and looks get rarer.
u64 pause_for(Process& p, const Next& next, u64& idle_looks) REQUIRES(p.lock)
{
    u64 pause = next.real;
    if (next.cpu != 0) {
        bool running = false;
        for (Task* t = p.tasks; t != nullptr; t = t->next_task)
            running |= t->state != Thread::State::parked;
        idle_looks = running ? 0 : min<u64>(idle_looks + 1, 10);
        const u64 look = max(next.cpu / max(p.num_tasks, 1u), shortest_pause);
        sooner(pause,
               running ? look : min(max(look, shortest_pause << idle_looks), max(look, longest_pause)));
    }
    return pause;
}

void timer_loop(void* argument)
{
    Process& p = *static_cast<Process*>(argument);
    u64 idle_looks = 0;
    for (;;) {
        u64 pause = 0;
        {
            LockGuard guard(p.lock);
            if (p.dying.load()) {
                p.timers.thread = nullptr;
                break;
            }
            pause = pause_for(p, run_due(p), idle_looks);
        }
        arch::interrupt_window(); // what is due at once, again and again, must not keep the CPU
        if (pause != 0)
            park_until(tsc_at_monotonic(add_ns(monotonic_ns(), max(pause, least_pause))));
        else
            park();
    }
    p.holders.fetch_sub(1); // from here on the process may be gone
}

// Has the timer thread look anew; makes it first if there is none.
Status look_anew(Process& p)
{
    {
        LockGuard guard(p.lock);
        if (p.timers.thread != nullptr) {
            unpark(*p.timers.thread);
            return {};
        }
    }
    Thread* made = make_helper_thread(this_cpu(), "timers", timer_loop, &p);
    if (made == nullptr)
        return fail(Errno::again);
    p.holders.fetch_add(1);
    bool mine = false;
    {
        LockGuard guard(p.lock);
        mine = p.timers.thread == nullptr;
        if (mine)
            p.timers.thread = made;
        unpark(mine ? *made : *p.timers.thread);
    }
    if (!mine) {
        p.holders.fetch_sub(1);
        discard_helper_thread(*made);
    }
    return {};
}

TimerSetting setting_of(u64 due, u64 interval, u64 now)
{
    return {due == 0 ? 0 : due > now ? due - now : 1, interval};
}

TimerSetting setting_of(Process& p, const PosixTimer& t) REQUIRES(p.lock)
{
    const u64 now = read_clock_locked(p, t.clock);
    u64 due = t.due;
    if (due == 0 && t.node.queued && t.interval != 0)
        due = t.fired + (missed(t.fired, now, t.interval) + 1) * t.interval;
    if (!t.sends && due != 0 && due <= now)
        due = t.interval != 0 ? due + (missed(due, now, t.interval) + 1) * t.interval : 0;
    return setting_of(due, t.interval, now);
}

CpuTimer& cpu_timer(Process& p, bool profiling) REQUIRES(p.lock)
{
    return profiling ? p.timers.prof : p.timers.virt;
}

} // namespace

Result<i32> create_timer(Process& p, const Clock& clock, bool sends, u32 tid, u32 signo, const u64* value)
{
    PosixTimer* t = cache.make();
    if (t == nullptr)
        return fail(Errno::again);
    LockGuard guard(p.lock);
    if (p.queued_signals >= p.limit_sigpending.soft) {
        cache.destroy(t);
        return fail(Errno::again);
    }
    ++p.queued_signals;
    t->id = p.timers.next_id++;
    t->clock = clock;
    t->sends = sends;
    t->tid = tid;
    t->node.timer = t;
    t->node.info = sent_signal(signo, si_timer, static_cast<u32>(t->id));
    t->node.info.value = value != nullptr ? *value : static_cast<u64>(t->id);
    t->next = p.timers.first;
    p.timers.first = t;
    return t->id;
}

Result<TimerSetting> set_timer(Process& p, i32 id, const TimerSetting& wanted, bool absolute)
{
    TimerSetting old;
    {
        LockGuard guard(p.lock);
        PosixTimer* t = find(p, id);
        if (t == nullptr)
            return fail(Errno::inval);
        old = setting_of(p, *t);
        forget_timer_signal(p, t->node);
        t->overrun = 0;
        t->interval = wanted.interval;
        t->due = 0;
        if (wanted.value != 0)
            t->due = absolute ? wanted.value : add_ns(read_clock_locked(p, t->clock), wanted.value);
        if (wanted.value == 0 && p.timers.thread == nullptr)
            return old;
    }
    TRY_STATUS(look_anew(p));
    return old;
}

Result<TimerSetting> get_timer(Process& p, i32 id)
{
    LockGuard guard(p.lock);
    const PosixTimer* t = find(p, id);
    if (t == nullptr)
        return fail(Errno::inval);
    return setting_of(p, *t);
}

Result<i32> timer_overrun(Process& p, i32 id)
{
    LockGuard guard(p.lock);
    const PosixTimer* t = find(p, id);
    if (t == nullptr)
        return fail(Errno::inval);
    return t->overrun;
}

Status delete_timer(Process& p, i32 id)
{
    LockGuard guard(p.lock);
    for (PosixTimer** at = &p.timers.first; *at != nullptr; at = &(*at)->next) {
        PosixTimer* t = *at;
        if (t->id != id)
            continue;
        forget_timer_signal(p, t->node);
        *at = t->next;
        cache.destroy(t);
        --p.queued_signals;
        return {};
    }
    return fail(Errno::inval);
}

Result<TimerSetting> set_cpu_timer(Process& p, bool profiling, const TimerSetting& wanted)
{
    TimerSetting old;
    {
        LockGuard guard(p.lock);
        CpuTimer& t = cpu_timer(p, profiling);
        const u64 now = read_clock_locked(p, {Clock::Kind::process_cpu});
        old = setting_of(t.due, t.interval, now);
        t = {wanted.value != 0 ? add_ns(now, wanted.value) : 0, wanted.interval};
        if (wanted.value == 0 && p.timers.thread == nullptr)
            return old;
    }
    TRY_STATUS(look_anew(p));
    return old;
}

TimerSetting get_cpu_timer(Process& p, bool profiling)
{
    LockGuard guard(p.lock);
    const CpuTimer& t = cpu_timer(p, profiling);
    return setting_of(t.due, t.interval, read_clock_locked(p, {Clock::Kind::process_cpu}));
}

Status watch_cpu_limit(Process& p)
{
    if (p.limit_cpu.soft == unlimited && p.limit_cpu.hard == unlimited)
        return {};
    return look_anew(p);
}

void timer_signal_gone(Process& p, PosixTimer& t, SignalInfo* info)
{
    const u64 now = read_clock_locked(p, t.clock);
    const u64 late = missed(t.fired, now, t.interval);
    t.overrun = static_cast<i32>(min<u64>(late, 0x7fffffff));
    if (info != nullptr)
        info->uid = static_cast<u32>(t.overrun); // si_overrun
    if (t.interval == 0)
        return;
    t.due = t.fired + (late + 1) * t.interval;
    if (p.timers.thread != nullptr)
        unpark(*p.timers.thread);
}

void stop_timers(Process& p)
{
    if (p.timers.thread != nullptr)
        unpark(*p.timers.thread);
}

void free_timers(Process& p)
{
    LockGuard guard(p.lock);
    while (PosixTimer* t = p.timers.first) {
        p.timers.first = t->next;
        cache.destroy(t);
    }
}

} // namespace still
