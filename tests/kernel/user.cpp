// SPDX-License-Identifier: BSD-2-Clause
// A whole process inside the LWK, without Linux: user mode, local system calls, demand faults, its end.
#include <arch/cpu.hpp>
#include <arch/layout.hpp>
#include <debug/test.hpp>
#include <exec/process.hpp>
#include <exec/user_memory.hpp>
#include <mm/frame_allocator.hpp>
#include <new>
#include <sched/clock.hpp>

extern "C" const char still_test_user_code[], still_test_user_code_end[];

namespace still {

namespace {

constexpr UserAddr code_at(0x400000);
constexpr UserAddr data_at(0x500000);
constexpr u32 test_pid = 4711;

// The parts that the module makes otherwise.
struct LocalProcess {
    Process* p = nullptr;
    Frame* process_room = nullptr;

    bool make()
    {
        process_room = frames::allocate(NodeId(0), 2);
        auto* area = static_cast<u8*>(frames::allocate_memory(NodeId(0), 5));
        if (process_room == nullptr || area == nullptr)
            return false;
        static_assert(sizeof(Process) <= order_bytes(2));
        p = new (arch::direct(process_room->address())) Process;
        p->pid = test_pid;
        p->page = new (area) still_proc_page{};
        p->slots = reinterpret_cast<still_slot*>(area + page_size); // SAFETY: inside the block
        p->num_slots = 4;
        p->page->num_app_ranges = 1;
        p->page->app[0] = {64 * KiB, 1ull << 40};
        p->page->limit_as = p->page->limit_data = {~0ull, ~0ull};
        for (u64& word : p->page->cpu_mask)
            word = ~0ull;
        return p->space.init(*p->page, &p->page->walkers).has_value();
    }

    bool map(UserAddr at, u8 prot, bool lazy)
    {
        MapRequest request;
        request.hint = at;
        request.length = page_size;
        request.prot = prot;
        request.fixed = true;
        request.lazy = lazy;
        return map_area(*p, request, false, !lazy).has_value();
    }

    // Where the page's contents are, as the kernel sees them.
    u64* contents(UserAddr at)
    {
        const arch::Leaf leaf = p->space.leaf_of(at);
        if (leaf.entry == nullptr || !arch::is_present(leaf.entry->load()))
            return nullptr;
        return arch::direct<u64>(arch::leaf_frame(leaf.entry->load(), leaf.level) + (at - leaf.start));
    }

    void free()
    {
        destroy_memory(*p);
        frames::release_memory(p->page, 5);
        p->~Process();
        frames::release(process_room, 2);
    }
};

} // namespace

STILL_TEST(program_makes_local_calls_and_ends)
{
    const u64 before = frames::free_bytes();
    LocalProcess local;
    STILL_CHECK(local.make());
    STILL_CHECK(local.map(code_at, prot_read | prot_exec, false));
    STILL_CHECK(local.map(data_at, prot_read | prot_write, true));
    const auto code_bytes = static_cast<u64>(still_test_user_code_end - still_test_user_code);
    __builtin_memcpy(local.contents(code_at), still_test_user_code, code_bytes);
    STILL_CHECK(local.contents(data_at) == nullptr); // the program's first store makes it

    Cpu& where = cpu(CpuId(num_cpus() - 1));
    Task* task = make_task(*local.p, 0, test_pid, where.arch.node);
    STILL_CHECK(task != nullptr);
    __builtin_memcpy(task->affinity, local.p->page->cpu_mask, sizeof(task->affinity));
    task->start.rip = code_at.raw();
    task->start.rsp = data_at.raw() + page_size;
    task->start.rdi = data_at.raw();
    task->start.cs = arch::user_code;
    task->start.ss = arch::user_data;
    task->start.rflags = arch::flag_if;
    start_task(*local.p, *task, where);

    park_until(arch::read_tsc() + us_to_tsc(30'000)); // this CPU sleeps meanwhile
    const u64 end = arch::read_tsc() + us_to_tsc(5'000'000);
    for (u32 left = 1; left != 0;) {
        STILL_CHECK(arch::read_tsc() < end);
        arch::interrupt_window();
        yield();
        cpu_pause();
        LockGuard guard(local.p->lock);
        left = local.p->num_tasks;
    }
    const u64* data = local.contents(data_at);
    STILL_CHECK(data != nullptr);
    STILL_CHECK(data[2] == 0x1234 && data[3] == test_pid);
    // Its last words to the proxy.
    STILL_CHECK(local.p->slots[0].nr == STILL_CALL_EXIT_GROUP && local.p->slots[0].arg[0] == 7);
    log("# getpid: {} TSC ticks a call (instructions under icount)", (data[0] - data[1]) / 1000);
    STILL_CHECK(data[4] != 0 && data[4] <= data[5]);
    log("# fwq: {} TSC ticks, up to {} more", data[4], data[5] - data[4]);
    local.free();
    STILL_CHECK(frames::free_bytes() + 64 * page_size >= before); // caches keep a few pages
    return true;
}

} // namespace still
