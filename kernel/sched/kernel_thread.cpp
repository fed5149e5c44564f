// SPDX-License-Identifier: BSD-2-Clause
#include <mm/object_cache.hpp>
#include <sched/scheduler.hpp>

namespace still {

namespace {
ObjectCache<Thread> kernel_threads;
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

void discard_helper_thread(Thread& t)
{
    free_thread_memory(t);
    kernel_threads.destroy(&t);
}

} // namespace still
