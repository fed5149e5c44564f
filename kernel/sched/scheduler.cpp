// SPDX-License-Identifier: BSD-2-Clause
#include <arch/apic.hpp>
#include <arch/cpu.hpp>
#include <arch/page_table.hpp>
#include <debug/panic.hpp>
#include <mm/address_space.hpp>
#include <mm/frame_allocator.hpp>
#include <sched/clock.hpp>
#include <sched/run_queue.hpp>
#include <sched/scheduler.hpp>

namespace still {

CpuTable cpu_table;

namespace {

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

// Gives the CPU to the next ready thread or to idle. The run queue is locked, and stays so across the switch.
void switch_away(Cpu& c) NO_THREAD_SAFETY
{
    Thread* previous = c.current;
    Thread* next = &c.idle;
    if (!c.ready.empty()) {
        next = &c.ready.front();
        c.ready.pop_front();
        next->queued = false;
    }
    c.need_resched = false;
    if (next == previous) {
        next->state = Thread::State::running;
        update_quick_slot(c);
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
    update_quick_slot(c);
    next->state = Thread::State::running;
    next->note_switch();
    still_cpu_counters& k = *c.counters;
    ++k.switches;
    __atomic_store_n(&k.pid, next->pid, __ATOMIC_RELAXED);
    __atomic_store_n(&k.tid, next->tid, __ATOMIC_RELAXED);
    __atomic_store_n(&k.runnable, static_cast<u32>(c.ready.size()) + (next == &c.idle ? 0 : 1),
                     __ATOMIC_RELAXED);
    if ((next == &c.idle) != (previous == &c.idle))
        set_mode(c, next == &c.idle ? STILL_CPU_IDLE : STILL_CPU_BUSY);
    c.slice_end = 0;
    if (!c.ready.empty())
        update_slice(c);
    if (c.slice_end == 0 && (c.timer_at != 0 || c.timers != nullptr))
        program_timer(c);
    if (next->space != nullptr && next->space != c.loaded)
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

} // namespace

void adopt_idle(Cpu& c)
{
    c.need_resched = false;
    c.slice_end = 0;
    c.loaded = nullptr;
    c.fpu_owner = nullptr;
    c.idle.cpu = &c;
    c.idle.state = Thread::State::running;
    c.idle.name = "idle";
    c.current = &c.idle;
    set_mode(c, STILL_CPU_IDLE);
}

void idle_loop() NO_THREAD_SAFETY
{
    Cpu& c = this_cpu();
    for (;;) {
        c.lock.lock();
        if (c.ready.empty() || c.idles_over_work) {
            c.lock.unlock();
            if (!c.idles_over_work && steal_for(c))
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
        if (better == nullptr && home->leaving.load(std::memory_order_relaxed) && &t != home->service) {
            t.state = Thread::State::ready;
            home->lock.unlock();
            put_anywhere(t);
            return;
        }
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
        start_thread(t, *better);
        return;
    }
}

void wait_a_moment()
{
    park_until(arch::read_tsc() + us_to_tsc(50));
}

bool yield() NO_THREAD_SAFETY
{
    Cpu& c = this_cpu();
    if (!somebody_waits(c)) // who comes just now comes with an interrupt
        return false;
    c.lock.lock();
    make_ready(c, *c.current); // if another CPU has taken all meanwhile it is the next itself
    switch_away(c);
    return true;
}

void obey_affinity() NO_THREAD_SAFETY
{
    Cpu& c = this_cpu();
    Thread& t = *c.current;
    lift_affinity_if_gone(t);
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
    Thread* helper = make_helper_thread(c, "migrate", hand_over, &t);
    if (helper == nullptr)
        return; // stays where it is; the next wakeup tries again
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
        (void)yield();
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
    c.timer_at = 0;
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
        for (u32 i = 0; i < num_cpus() && !c.ready.empty(); ++i) {
            Cpu& other = cpu(CpuId(i));
            if (other.current == &other.idle && c.ready.back().may_run_on(CpuId(i))) {
                notify(other);
                break;
            }
        }
    }
    c.need_resched |= !c.ready.empty() && preempts(c, c.ready.front());
    update_slice(c);
    program_timer(c);
}

u64 busy_ticks(const Thread& t)
{
    u64 ticks = t.busy_tsc;
    if (t.state == Thread::State::running)
        ticks += arch::read_tsc() - t.since_tsc;
    return ticks;
}

} // namespace still
