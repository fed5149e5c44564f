// SPDX-License-Identifier: BSD-2-Clause
#include <arch/cpu.hpp>
#include <debug/log.hpp>
#include <mm/object_cache.hpp>
#include <sched/clock.hpp>
#include <sched/scheduler.hpp>

namespace still {

namespace {
ObjectCache<Thread> kernel_threads;

void flush_for_ever(void*)
{
    constexpr u64 period_us = 10'000;
    for (;;) {
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

void keep_flushing()
{
    for (u32 i = 0; i < num_cpus(); ++i) {
        Thread* t = make_helper_thread(cpu(CpuId(i)), "flush", flush_for_ever, nullptr);
        if (t == nullptr)
            log("no memory to flush CPU {}", i);
        else
            unpark(*t);
    }
}

void discard_helper_thread(Thread& t)
{
    free_thread_memory(t);
    kernel_threads.destroy(&t);
}

} // namespace still
