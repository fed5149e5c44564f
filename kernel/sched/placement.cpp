// SPDX-License-Identifier: BSD-2-Clause
// On which CPU a thread runs: chosen when it starts, is woken or moves, and when its CPU goes.
#include <debug/log.hpp>
#include <sched/clock.hpp>
#include <sched/run_queue.hpp>
#include <sched/scheduler.hpp>

namespace still {

namespace {
bool is_idle(const Cpu& c)
{
    return c.current == &c.idle;
}
} // namespace

bool keep_present(CpuMask& set)
{
    const u32 count = num_cpus_for_threads();
    u64 any = 0;
    for (u32 i = 0; i < STILL_MAX_CPUS / 64; ++i) {
        const u32 first = i * 64;
        if (count <= first)
            set[i] = 0;
        else if (count - first < 64)
            set[i] &= (1ull << (count - first)) - 1;
        any |= set[i];
    }
    return any != 0;
}

Cpu& choose_cpu(const CpuMask& allowed)
{
    Cpu* best = nullptr;
    u64 best_load = ~0ull;
    for (u32 i = 0; i < num_cpus_for_threads(); ++i) {
        if ((allowed[i / 64] >> (i % 64) & 1) == 0)
            continue;
        Cpu& c = cpu(CpuId(i));
        LockGuard guard(c.lock);
        const u64 load = c.ready.size() + (c.current == &c.idle ? 0 : 1);
        if (load < best_load) {
            best = &c;
            best_load = load;
        }
    }
    return best != nullptr ? *best : cpu(CpuId(0)); // which never leaves
}

void lift_affinity_if_gone(Thread& t)
{
    CpuMask set;
    __builtin_memcpy(set, t.affinity, sizeof(set));
    if (keep_present(set))
        return;
    if (t.tid != 0)
        log("tid {}: the CPUs that it was bound to have gone; it may run on all", t.tid);
    __builtin_memset(t.affinity, 0xff, sizeof(t.affinity));
}

namespace {

// false: c is about to leave.
bool put_on(Thread& t, Cpu& c)
{
    {
        LockGuard guard(c.lock);
        if (c.leaving.load(std::memory_order_relaxed))
            return false;
        t.cpu = &c;
        make_ready(c, t);
        if (&c == &this_cpu())
            update_slice(c);
    }
    notify(c);
    return true;
}

} // namespace

void put_anywhere(Thread& t)
{
    lift_affinity_if_gone(t);
    while (!put_on(t, choose_cpu(t.affinity)))
        cpu_pause();
}

void start_thread(Thread& t, Cpu& c)
{
    if (!put_on(t, c))
        put_anywhere(t);
}

Cpu* better_cpu(Thread& t, Cpu& home)
{
    if (t.fpu == nullptr || home.current == &home.idle)
        return nullptr;
    for (u32 i = 0; i < num_cpus(); ++i)
        if (&cpu(CpuId(i)) != &home && t.may_run_on(CpuId(i)) && is_idle(cpu(CpuId(i))))
            return &cpu(CpuId(i));
    return nullptr;
}

bool steal_for(Cpu& c) NO_THREAD_SAFETY
{
    for (u32 i = 0; i < num_cpus() && !c.leaving.load(std::memory_order_relaxed); ++i) {
        Cpu& victim = cpu(CpuId(i));
        if (&victim == &c || __atomic_load_n(&victim.counters->runnable, __ATOMIC_RELAXED) < 2)
            continue;
        victim.lock.lock();
        Thread* found = nullptr;
        for (Thread& t : victim.ready) {
            if (t.fpu != nullptr && t.may_run_on(c.arch.id)) {
                found = &t;
                break;
            }
        }
        if (found != nullptr) {
            // On no list now: nobody else moves it.
            take_off(victim, *found);
            found->cpu = &c;
        }
        victim.lock.unlock();
        if (found == nullptr)
            continue;
        c.lock.lock();
        make_ready(c, *found);
        c.lock.unlock();
        return true;
    }
    return false;
}

namespace {

// A program's thread that is ready on this CPU, or any that waits there for a time, which is made to look again. It is
// on no list then. nullptr: there is none.
Thread* take_one(Cpu& c)
{
    LockGuard guard(c.lock);
    for (Thread& t : c.ready) {
        if (t.fpu != nullptr) {
            take_off(c, t);
            return &t;
        }
    }
    for (Thread* t = c.timers; t != nullptr; t = t->next_timer) {
        if (t != c.service) {
            remove_timer(c, *t);
            t->state = Thread::State::ready;
            return t;
        }
    }
    return nullptr;
}

bool has_ready(Cpu& c)
{
    LockGuard guard(c.lock);
    return !c.ready.empty();
}

} // namespace

// Threads that wait for something else than a time keep this CPU as their home; who wakes them finds them another.
void vacate_cpu()
{
    Cpu& c = this_cpu();
    {
        LockGuard guard(c.lock);
        c.leaving.store(true);
    }
    for (;;) {
        while (Thread* t = take_one(c))
            put_anywhere(*t);
        if (!has_ready(c))
            return;
        wait_a_moment(); // helpers come before programs, and soon end or wait
    }
}

} // namespace still
