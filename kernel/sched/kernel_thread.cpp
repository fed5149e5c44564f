// SPDX-License-Identifier: BSD-2-Clause
#include <arch/cpu.hpp>
#include <debug/log.hpp>
#include <mm/object_cache.hpp>
#include <sched/clock.hpp>
#include <sched/scheduler.hpp>

namespace still {

namespace {
ObjectCache<Thread> kernel_threads;

bool flushes = false;

void flush_for_ever(void* own)
{
    constexpr u64 period_us = 10'000;
    while (&this_cpu() == own) { // else that CPU has gone
        arch::flush_user_tlb();
        park_until(arch::read_tsc() + us_to_tsc(period_us));
    }
}
} // namespace

Thread* make_kernel_thread(Cpu& c, const char* name, void (*entry)(void*), void* argument)
{
    Thread* t = kernel_threads.make();
    if (t == nullptr)
        return nullptr;
    if (!prepare_thread(*t, c.arch.node, entry, argument)) {
        kernel_threads.destroy(t);
        return nullptr;
    }
    t->name = name;
    t->cpu = &c;
    t->affinity[c.arch.id.value / 64] = 1ull << (c.arch.id.value % 64);
    return t;
}

Thread* make_helper_thread(Cpu& c, const char* name, void (*entry)(void*), void* argument)
{
    Thread* t = make_kernel_thread(c, name, entry, argument);
    if (t == nullptr)
        return nullptr;
    t->sched = {Policy::fifo, 255, 0, false}; // before every program
    t->on_reap = [](Thread* dead) { discard_helper_thread(*dead); };
    return t;
}

void keep_flushing(Cpu& c)
{
    if (!flushes)
        return;
    Thread* t = make_helper_thread(c, "flush", flush_for_ever, &c);
    if (t == nullptr)
        log("no memory to flush CPU {}", c.arch.id);
    else
        unpark(*t);
}

void keep_flushing()
{
    flushes = true;
    for (u32 i = 0; i < num_cpus(); ++i)
        keep_flushing(cpu(CpuId(i)));
}

void discard_helper_thread(Thread& t)
{
    free_thread_memory(t);
    kernel_threads.destroy(&t);
}

} // namespace still
