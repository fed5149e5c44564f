// SPDX-License-Identifier: BSD-2-Clause
#include <arch/apic.hpp>
#include <arch/cpu.hpp>
#include <arch/page_table.hpp>
#include <debug/panic.hpp>
#include <mm/address_space.hpp>
#include <mm/frame_allocator.hpp>
#include <mm/object_cache.hpp>
#include <sched/clock.hpp>
#include <sched/scheduler.hpp>

namespace still {

namespace {
constexpr u64 slice_us = 10'000;
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
    return max(shortest_slice_us, slice_us * static_cast<u64>(share) / 20);
}

namespace {

Cpu* cpus[STILL_MAX_CPUS];
u32 cpu_count = 0;
ObjectCache<Thread> kernel_threads;
constexpr u32 stack_order = 2;
static_assert(order_bytes(stack_order) == arch::kernel_stack_size);
constexpr u64 canary = 0x5354494c4c434f52;

void set_mode(Cpu& c, u32 mode)
{
    still_cpu_counters& k = *c.counters;
    const u64 now = arch::read_tsc();
    __atomic_store_n(&k.seq, k.seq + 1, __ATOMIC_RELEASE);
    if (k.mode == STILL_CPU_BUSY)
        k.busy_tsc += now - k.since_tsc;
    else if (k.mode == STILL_CPU_IDLE)
        k.idle_tsc += now - k.since_tsc;
    k.mode = mode;
    k.since_tsc = now;
    __atomic_store_n(&k.seq, k.seq + 1, __ATOMIC_RELEASE);
}

// Sets the one timer to what comes first: the slice's end or a deadline.
void program_timer(Cpu& c) REQUIRES(c.lock)
{
    u64 next = c.slice_end;
    if (c.timers != nullptr && (next == 0 || c.timers->deadline < next))
        next = c.timers->deadline;
    if (next == 0) {
        arch::arm_timer(0);
        return;
    }
    const u64 now = arch::read_tsc();
    arch::arm_timer(next > now ? next - now : 1);
}

// Who comes first in a run queue: service threads, for which Linux waits, then real-time priorities.
u32 rank(const Thread& t)
{
    constexpr u32 service = 200, kernel = 150;
    if (t.fpu == nullptr)
        return t.cpu != nullptr && t.cpu->service == &t ? service : kernel;
    return t.sched.rt_priority();
}

// Shall t, just ready, take the CPU from whom it has?
bool preempts(const Cpu& c, const Thread& t)
{
    const Thread& now = *c.current;
    if (&now == &c.idle)
        return true;
    return rank(t) > rank(now) || (now.sched.policy == Policy::idle && t.sched.policy != Policy::idle);
}

// Real-time threads keep the CPU: FIFO from all below and beside, RR from all below.
bool wants_slice(Cpu& c) REQUIRES(c.lock)
{
    if (c.ready.empty() || c.current == &c.idle)
        return false;
    return rank(c.ready.front()) >= rank(*c.current) && c.current->sched.policy != Policy::fifo;
}

void update_slice(Cpu& c) REQUIRES(c.lock)
{
    const bool wanted = wants_slice(c);
    if (wanted == (c.slice_end != 0))
        return;
    c.slice_end = wanted ? arch::read_tsc() + us_to_tsc(slice_of(c.current->sched)) : 0;
    program_timer(c);
}

void insert_timer(Cpu& c, Thread& t) REQUIRES(c.lock)
{
    Thread** at = &c.timers;
    while (*at != nullptr && (*at)->deadline <= t.deadline)
        at = &(*at)->next_timer;
    t.next_timer = *at;
    *at = &t;
    program_timer(c);
}

void remove_timer(Cpu& c, Thread& t) REQUIRES(c.lock)
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
    program_timer(c);
}

void reap(Cpu& c)
{
    Thread* dead = c.dead;
    if (dead == nullptr)
        return;
    c.dead = nullptr;
    if (c.fpu_owner == dead)
        c.fpu_owner = nullptr;
    dead->on_reap(dead);
}

// On the new thread's stack, with the run queue still locked by the switch.
void finish_switch() NO_THREAD_SAFETY
{
    Cpu& c = this_cpu();
    c.lock.unlock();
    reap(c);
}

void make_ready(Cpu& c, Thread& t) REQUIRES(c.lock)
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
    __atomic_store_n(&c.counters->runnable, static_cast<u32>(c.ready.size()) + (c.current == &c.idle ? 0 : 1),
                     __ATOMIC_RELAXED);
}

void take_off(Cpu& c, Thread& t) REQUIRES(c.lock)
{
    c.ready.erase(c.ready.iterator_to(t));
    t.queued = false;
}

// Gives the CPU to the next ready thread or to idle. The run queue is locked, and stays so across the switch.
void switch_away(Cpu& c) NO_THREAD_SAFETY
{
    Thread* previous = c.current;
    Thread* next = &c.idle;
    if (!c.ready.empty()) {
        next = &c.ready.front();
        take_off(c, *next);
    }
    c.need_resched = false;
    if (next == previous) {
        next->state = Thread::State::running;
        update_slice(c);
        c.lock.unlock();
        return;
    }
    STILL_ASSERT(previous->stack == 0 || *reinterpret_cast<u64*>(previous->stack) == canary);
    const u64 now = arch::read_tsc();
    previous->busy_tsc += now - previous->since_tsc;
    next->since_tsc = now;
    if (previous->fpu != nullptr) {
        if (previous->state != Thread::State::dead)
            arch::fpu_save(previous->fpu);
        arch::save_segments(previous->segments);
    }
    c.current = next;
    next->state = Thread::State::running;
    next->was_switched = true;
    still_cpu_counters& k = *c.counters;
    ++k.switches;
    __atomic_store_n(&k.pid, next->pid, __ATOMIC_RELAXED);
    __atomic_store_n(&k.tid, next->tid, __ATOMIC_RELAXED);
    __atomic_store_n(&k.runnable, static_cast<u32>(c.ready.size()) + (next == &c.idle ? 0 : 1),
                     __ATOMIC_RELAXED);
    if ((next == &c.idle) != (previous == &c.idle))
        set_mode(c, next == &c.idle ? STILL_CPU_IDLE : STILL_CPU_BUSY);
    c.slice_end = 0;
    update_slice(c);
    if (c.slice_end == 0)
        program_timer(c);
    if (next->space != nullptr)
        load_space(c, next->space);
    if (next->fpu != nullptr) {
        if (c.fpu_owner != next || next->fpu_cpu != &c) {
            arch::fpu_load(next->fpu);
            c.fpu_owner = next;
            next->fpu_cpu = &c;
        }
        arch::load_segments(next->segments);
    }
    if (next->stack != 0)
        arch::set_kernel_stack(c.arch, next->stack_top());
    arch::still_switch_stack(&previous->saved_sp, next->saved_sp);
    finish_switch();
}

struct Start {
    void (*entry)(void*);
    void* argument;
};

void first_run(void* start)
{
    finish_switch();
    const Start s = *static_cast<Start*>(start);
    s.entry(s.argument);
    exit_current();
}

void notify(Cpu& target)
{
    if (&target != &this_cpu())
        arch::send_interrupt(target.arch.apic_id, arch::vector_reschedule);
}

} // namespace

u32 num_cpus()
{
    return cpu_count;
}

Cpu& cpu(CpuId id)
{
    return *cpus[id.value];
}

void add_cpu(CpuId id, Cpu* c)
{
    cpus[id.value] = c;
    cpu_count = max(cpu_count, id.value + 1);
}

void adopt_idle(Cpu& c)
{
    c.idle.cpu = &c;
    c.idle.state = Thread::State::running;
    c.idle.name = "idle";
    c.current = &c.idle;
    set_mode(c, STILL_CPU_IDLE);
}

namespace {

// Takes a thread that waits for its turn on a busy CPU.
bool steal_for(Cpu& c) NO_THREAD_SAFETY
{
    for (u32 i = 0; i < cpu_count; ++i) {
        Cpu& victim = *cpus[i];
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

} // namespace

void idle_loop() NO_THREAD_SAFETY
{
    Cpu& c = this_cpu();
    for (;;) {
        c.lock.lock();
        if (c.ready.empty()) {
            c.lock.unlock();
            if (steal_for(c))
                continue;
            arch::wait_for_interrupt();
        } else {
            switch_away(c);
        }
    }
}

bool prepare_thread(Thread& t, NodeId node, void (*entry)(void*), void* argument)
{
    void* stack = frames::allocate_memory(node, stack_order);
    if (stack == nullptr)
        return false;
    t.stack = reinterpret_cast<u64>(stack);
    *reinterpret_cast<u64*>(t.stack) = canary;            // SAFETY: lowest word of the fresh stack
    auto* start = reinterpret_cast<Start*>(t.stack + 16); // SAFETY: read before the stack grows down to it
    *start = {entry, argument};
    // A task's first registers for user mode will lie at the top: nothing may run on that part.
    constexpr u64 frame_room = (sizeof(arch::TrapFrame) + 15) & ~15ull;
    t.saved_sp = arch::make_stack(t.stack_top() - frame_room, first_run, start);
    return true;
}

void free_thread_memory(Thread& t)
{
    if (t.stack != 0)
        frames::release_memory(reinterpret_cast<void*>(t.stack), stack_order);
    if (t.fpu != nullptr)
        frames::release_memory(t.fpu, t.fpu_order);
    t.stack = 0;
    t.fpu = nullptr;
}

Thread* make_kernel_thread(Cpu& c, const char* name, void (*entry)(void*), void* argument)
{
    Thread* t = kernel_threads.make();
    if (t == nullptr || !prepare_thread(*t, c.arch.node, entry, argument))
        return nullptr;
    t->name = name;
    t->cpu = &c;
    t->affinity[c.arch.id.value / 64] = 1ull << (c.arch.id.value % 64);
    return t;
}

Cpu& choose_cpu(const CpuMask& allowed)
{
    Cpu* best = nullptr;
    u64 best_load = ~0ull;
    for (u32 i = 0; i < cpu_count; ++i) {
        if ((allowed[i / 64] >> (i % 64) & 1) == 0)
            continue;
        Cpu& c = *cpus[i];
        LockGuard guard(c.lock);
        const u64 load = c.ready.size() + (c.current == &c.idle ? 0 : 1);
        if (load < best_load) {
            best = &c;
            best_load = load;
        }
    }
    STILL_ASSERT(best != nullptr);
    return *best;
}

void start_thread(Thread& t, Cpu& c)
{
    {
        LockGuard guard(c.lock);
        t.cpu = &c;
        make_ready(c, t);
        if (&c == &this_cpu())
            update_slice(c);
    }
    notify(c);
}

namespace {

void park_locked(Cpu& c, Thread& t, u64 deadline) NO_THREAD_SAFETY
{
    if (t.permit) {
        t.permit = false;
        c.lock.unlock();
        return;
    }
    t.state = Thread::State::parked;
    if (deadline != 0) {
        t.deadline = deadline;
        insert_timer(c, t);
    }
    switch_away(c);
}

} // namespace

void park() NO_THREAD_SAFETY
{
    Cpu& c = this_cpu();
    c.lock.lock();
    park_locked(c, *c.current, 0);
}

void park_until(u64 deadline) NO_THREAD_SAFETY
{
    Cpu& c = this_cpu();
    if (arch::read_tsc() >= deadline)
        return;
    c.lock.lock();
    park_locked(c, *c.current, deadline == 0 ? 1 : deadline);
}

namespace {

// An idle CPU that t may move to, if its own is busy.
Cpu* better_cpu(Thread& t, Cpu& home)
{
    if (t.fpu == nullptr || home.current == &home.idle)
        return nullptr;
    for (u32 i = 0; i < cpu_count; ++i)
        if (cpus[i] != &home && t.may_run_on(CpuId(i)) && cpus[i]->current == &cpus[i]->idle)
            return cpus[i];
    return nullptr;
}

} // namespace

void unpark(Thread& t) NO_THREAD_SAFETY
{
    for (;;) {
        Cpu* home = t.cpu;
        home->lock.lock();
        if (t.cpu != home) {
            home->lock.unlock();
            continue;
        }
        if (t.state != Thread::State::parked) {
            t.permit = true;
            home->lock.unlock();
            return;
        }
        remove_timer(*home, t);
        Cpu* better = better_cpu(t, *home);
        if (better == nullptr) {
            make_ready(*home, t);
            if (home == &this_cpu()) {
                home->need_resched |= preempts(*home, t);
                update_slice(*home);
            }
            home->lock.unlock();
            notify(*home);
            return;
        }
        // Not on any list now: nobody else moves it.
        t.state = Thread::State::ready;
        t.cpu = better;
        home->lock.unlock();
        better->lock.lock();
        make_ready(*better, t);
        better->lock.unlock();
        notify(*better);
        return;
    }
}

void yield() NO_THREAD_SAFETY
{
    Cpu& c = this_cpu();
    c.lock.lock();
    if (c.ready.empty()) {
        c.lock.unlock();
        return;
    }
    make_ready(c, *c.current);
    switch_away(c);
}

void obey_affinity() NO_THREAD_SAFETY
{
    Cpu& c = this_cpu();
    Thread& t = *c.current;
    if (t.may_run_on(c.arch.id))
        return;
    // A helper on this CPU hands the thread over once it is off the CPU.
    static constexpr auto hand_over = [](void* argument) {
        Thread& moved = *static_cast<Thread*>(argument);
        Cpu& home = this_cpu();
        home.lock.lock();
        // A wakeup may have come first: then it waits here, or another CPU has taken it already.
        if (moved.cpu != &home) {
            home.lock.unlock();
            return;
        }
        if (moved.state == Thread::State::ready)
            take_off(home, moved);
        moved.state = Thread::State::ready; // on no list: nobody else moves it
        home.lock.unlock();
        start_thread(moved, choose_cpu(moved.affinity));
    };
    Thread* helper = make_kernel_thread(c, "migrate", hand_over, &t);
    if (helper == nullptr)
        return; // stays where it is; the next wakeup tries again
    helper->on_reap = [](Thread* dead) {
        free_thread_memory(*dead);
        kernel_threads.destroy(dead);
    };
    c.lock.lock();
    make_ready(c, *helper);
    t.permit = false;
    t.state = Thread::State::parked;
    switch_away(c);
}

void exit_current() NO_THREAD_SAFETY
{
    Cpu& c = this_cpu();
    c.lock.lock();
    c.current->state = Thread::State::dead;
    c.dead = c.current;
    switch_away(c);
    __builtin_unreachable();
}

void reschedule_if_needed()
{
    if (this_cpu().need_resched)
        yield();
}

bool others_ready()
{
    Cpu& c = this_cpu();
    LockGuard guard(c.lock);
    return !c.ready.empty();
}

void kick(Thread& t)
{
    Cpu* home = t.cpu;
    if (home->current == &t)
        notify(*home);
}

void on_reschedule_interrupt()
{
    Cpu& c = this_cpu();
    ++c.counters->reschedules;
    LockGuard guard(c.lock);
    if (!c.ready.empty() && preempts(c, c.ready.front()))
        c.need_resched = true;
    update_slice(c);
}

void on_timer_interrupt()
{
    Cpu& c = this_cpu();
    ++c.counters->timers;
    LockGuard guard(c.lock);
    const u64 now = arch::read_tsc();
    while (c.timers != nullptr && c.timers->deadline <= now) {
        Thread* t = c.timers;
        c.timers = t->next_timer;
        t->deadline = 0;
        make_ready(c, *t);
    }
    if (c.slice_end != 0 && c.slice_end <= now) {
        c.slice_end = 0;
        c.need_resched = true;
        // Is there a CPU that has become idle meanwhile? It will come and take one.
        for (u32 i = 0; i < cpu_count && !c.ready.empty(); ++i) {
            if (cpus[i]->current == &cpus[i]->idle && c.ready.back().may_run_on(CpuId(i))) {
                notify(*cpus[i]);
                break;
            }
        }
    }
    if (!c.ready.empty() && preempts(c, c.ready.front()))
        c.need_resched = true;
    update_slice(c);
    program_timer(c);
}

void set_scheduling(Thread& t, const Scheduling& wanted) NO_THREAD_SAFETY
{
    for (;;) {
        Cpu* home = t.cpu;
        home->lock.lock();
        if (t.cpu != home) {
            home->lock.unlock();
            continue;
        }
        t.sched = wanted;
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

u64 busy_ticks(const Thread& t)
{
    u64 ticks = t.busy_tsc;
    if (t.state == Thread::State::running)
        ticks += arch::read_tsc() - t.since_tsc;
    return ticks;
}

} // namespace still
