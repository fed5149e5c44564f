// SPDX-License-Identifier: BSD-2-Clause
#include <arch/apic.hpp>
#include <arch/cpu.hpp>
#include <base/config.hpp>
#include <sched/clock.hpp>
#include <sched/run_queue.hpp>
#include <sched/scheduler.hpp>

namespace still {

namespace {
constexpr u64 rr_slice_us = 100'000; // as Linux's
constexpr u64 shortest_slice_us = 1'000;
} // namespace

u64 slice_of(const Scheduling& s)
{
    if (s.policy == Policy::rr)
        return rr_slice_us;
    if (s.policy == Policy::fifo)
        return 0;
    if (s.policy == Policy::idle)
        return shortest_slice_us;
    // A nice thread gets less, down to a tenth; one that is not, up to four times as much.
    const i64 share = s.nice >= 0 ? 20 - s.nice : 20 - 3 * s.nice;
    return max(shortest_slice_us, config::slice_us * static_cast<u64>(share) / 20);
}

void program_timer(Cpu& c)
{
    u64 next = c.slice_end;
    if (c.timers != nullptr && (next == 0 || c.timers->deadline < next))
        next = c.timers->deadline;
    if (next == 0) {
        if (c.timer_at != 0)
            arch::arm_timer(0);
        c.timer_at = 0;
        return;
    }
    // Threads that take turns each get a new slice, but the timer is armed once: it comes too early, and is armed anew.
    if (c.timer_at == next || (c.slice_end != 0 && c.timer_at != 0 && c.timer_at < next))
        return;
    const u64 now = arch::read_tsc();
    arch::arm_timer(next > now ? next - now : 1);
    c.timer_at = next;
}

namespace {

// Who comes first in a run queue: service threads, for which Linux waits, then real-time priorities.
u32 rank(const Thread& t)
{
    constexpr u32 service = 300;
    return t.cpu != nullptr && t.cpu->service == &t ? service : t.urgency();
}

bool gives_way(const Thread& t)
{
    return t.sched.policy == Policy::idle && t.boost == 0;
}

} // namespace

bool preempts(const Cpu& c, const Thread& t)
{
    const Thread& now = *c.current;
    if (&now == &c.idle)
        return true;
    return rank(t) > rank(now) || (gives_way(now) && !gives_way(t));
}

namespace {

// Real-time threads keep the CPU: FIFO, and whoever is boosted, from all below and beside, RR from all below.
bool keeps_cpu(const Thread& t)
{
    return t.sched.policy == Policy::fifo || (t.boost != 0 && t.sched.policy != Policy::rr);
}

bool wants_slice(Cpu& c) REQUIRES(c.lock)
{
    if (c.ready.empty() || c.current == &c.idle)
        return false;
    return rank(c.ready.front()) >= rank(*c.current) && !keeps_cpu(*c.current);
}

} // namespace

void update_slice(Cpu& c)
{
    const bool wanted = wants_slice(c);
    if (wanted == (c.slice_end != 0))
        return;
    c.slice_end = wanted ? arch::read_tsc() + us_to_tsc(slice_of(c.current->sched)) : 0;
    program_timer(c);
}

void update_quick_slot(Cpu& c)
{
    c.arch.quick_slot = c.ready.empty() && c.current != nullptr ? c.current->quick_slot : nullptr;
}

void insert_timer(Cpu& c, Thread& t)
{
    Thread** at = &c.timers;
    while (*at != nullptr && (*at)->deadline <= t.deadline)
        at = &(*at)->next_timer;
    t.next_timer = *at;
    *at = &t;
    program_timer(c);
}

void remove_timer(Cpu& c, Thread& t)
{
    if (t.deadline == 0)
        return;
    for (Thread** at = &c.timers; *at != nullptr; at = &(*at)->next_timer) {
        if (*at == &t) {
            *at = t.next_timer;
            break;
        }
    }
    t.deadline = 0;
    if (&c == &this_cpu()) // another's timer comes too early once
        program_timer(c);
}

void make_ready(Cpu& c, Thread& t)
{
    t.state = Thread::State::ready;
    auto at = c.ready.end();
    const u32 own = rank(t);
    while (at != c.ready.begin()) {
        auto before = at;
        --before;
        if (rank(*before) >= own)
            break;
        at = before;
    }
    c.ready.insert(at, t);
    t.queued = true;
    c.arch.quick_slot = nullptr;
    __atomic_store_n(&c.counters->runnable, static_cast<u32>(c.ready.size()) + (c.current == &c.idle ? 0 : 1),
                     __ATOMIC_RELAXED);
}

void take_off(Cpu& c, Thread& t)
{
    c.ready.erase(c.ready.iterator_to(t));
    t.queued = false;
    update_quick_slot(c);
}

void notify(Cpu& target)
{
    if (&target != &this_cpu())
        arch::send_interrupt(target.arch.apic_id, arch::vector_reschedule);
}

void kick(Thread& t)
{
    Cpu* home = t.cpu;
    // What t shall notice was written before; it looks once it is the current one.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (home->current != &t)
        return;
    if (home == &this_cpu())
        t.attention = true; // it does this itself (alone): no interrupt will come
    else
        notify(*home);
}

void set_quick_slot(Thread& t, still_slot* slot) NO_THREAD_SAFETY
{
    for (;;) {
        Cpu* home = t.cpu;
        home->lock.lock();
        const bool found = t.cpu == home;
        if (found) {
            t.quick_slot = slot;
            update_quick_slot(*home);
        }
        home->lock.unlock();
        if (found)
            return;
    }
}

namespace {

// Calls change() with t's run queue locked; t then has the place there that it shall have.
template <class Change> void rearrange(Thread& t, Change&& change) NO_THREAD_SAFETY
{
    for (;;) {
        Cpu* home = t.cpu;
        home->lock.lock();
        if (t.cpu != home) {
            home->lock.unlock();
            continue;
        }
        change();
        // On its way between two lists it is queued by its new priority anyway.
        if (t.queued) {
            take_off(*home, t);
            make_ready(*home, t);
        }
        const bool look = !home->ready.empty() && preempts(*home, home->ready.front());
        if (home == &this_cpu()) {
            home->need_resched |= look;
            home->slice_end = 0;
            update_slice(*home);
        }
        home->lock.unlock();
        if (look)
            notify(*home);
        return;
    }
}

} // namespace

void set_scheduling(Thread& t, const Scheduling& wanted)
{
    rearrange(t, [&] { t.sched = wanted; });
}

void set_boost(Thread& t, u32 priority)
{
    rearrange(t, [&] { t.boost = priority; });
}

} // namespace still
