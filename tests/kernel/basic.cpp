// SPDX-License-Identifier: BSD-2-Clause
// Inside the LWK: memory, address spaces, threads on all CPUs, time.
#include <arch/cpu.hpp>
#include <arch/layout.hpp>
#include <debug/test.hpp>
#include <exec/process.hpp>
#include <mm/frame_allocator.hpp>
#include <sched/clock.hpp>

namespace still {

namespace {

std::atomic<u32> arrived{0};
std::atomic<u64> cpus_seen{0};

void arrive(void*)
{
    cpus_seen.fetch_or(1ull << (this_cpu().arch.id.value & 63));
    arrived.fetch_add(1);
    park(); // for ever: kernel threads of the tests are not reaped
}

bool wait_for(const std::atomic<u32>& value, u32 wanted)
{
    const u64 end = arch::read_tsc() + us_to_tsc(5'000'000);
    while (value.load() != wanted) {
        if (arch::read_tsc() > end)
            return false;
        arch::interrupt_window();
        yield();
        cpu_pause();
    }
    return true;
}

} // namespace

STILL_TEST(frames_come_back)
{
    const u64 before = frames::free_bytes();
    Frame* small = frames::allocate(NodeId(0), 0);
    Frame* large = frames::allocate(NodeId(0), order_2m);
    STILL_CHECK(small != nullptr && large != nullptr);
    STILL_CHECK(large->address().aligned(page_size_2m));
    STILL_CHECK(frames::free_bytes() == before - page_size - page_size_2m);
    frames::release(small, 0);
    // In pieces.
    for (u64 i = 0; i < 512; ++i)
        frames::release(frames::lookup(large->address() + i * page_size), 0);
    STILL_CHECK(frames::free_bytes() == before);
    return true;
}

STILL_TEST(table_maps_splits_and_unmaps)
{
    const u64 before = frames::free_bytes();
    {
        auto* page = static_cast<still_proc_page*>(frames::allocate_memory(NodeId(0), 0));
        page->num_app_ranges = 1;
        page->app[0] = {64 * KiB, 1ull << 40};
        page->limit_as = page->limit_data = {~0ull, ~0ull};
        auto* room = frames::allocate_memory(NodeId(0), 1);
        static_assert(sizeof(AddressSpace) <= order_bytes(1));
        auto* space = new (room) AddressSpace;
        STILL_CHECK(space->init(*page, &page->walkers).has_value());
        MapRequest request;
        request.length = 4 * MiB;
        request.prot = prot_read | prot_write;
        const auto range = space->map(request);
        STILL_CHECK(range.has_value());
        STILL_CHECK(range->start.aligned(page_size_2m));
        Chunk chunk = space->next_empty(range->start, *range, order_2m);
        STILL_CHECK(chunk.order == order_2m && chunk.range.start == range->start);
        Frame* block = frames::allocate(NodeId(0), chunk.order);
        space->install(chunk, block, chunk.range.size());
        STILL_CHECK(space->is_resident(range->start + page_size_2m - 1));
        STILL_CHECK(!space->is_resident(range->start + page_size_2m));
        // A hole in the middle of the large page splits it.
        Departure left;
        const UserRange hole{range->start + 64 * KiB, range->start + 68 * KiB};
        STILL_CHECK(space->begin_unmap(hole, left).has_value());
        STILL_CHECK(left.flush && !left.zap);
        STILL_CHECK(space->examine(hole.start, Access::read).kind == FaultKind::leaves);
        space->end_unmap(left, false);
        STILL_CHECK(space->examine(hole.start, Access::read).kind == FaultKind::no_area);
        STILL_CHECK(!space->is_resident(hole.start) && space->is_resident(hole.end));
        Departure rights;
        STILL_CHECK(space
                        ->begin_protect({range->start, range->start + 8 * KiB}, prot_read,
                                        AddressSpace::keep_key, rights)
                        .has_value());
        space->end_protect(rights);
        STILL_CHECK(space->examine(range->start, Access::write).kind == FaultKind::no_right);
        STILL_CHECK(space->examine(range->start, Access::read).kind == FaultKind::resolved);
        space->destroy();
        space->~AddressSpace();
        frames::release_memory(room, 1);
        frames::release_memory(page, 0);
    }
    // Vma objects keep their page.
    STILL_CHECK(frames::free_bytes() + 4 * page_size >= before);
    return true;
}

STILL_TEST(thread_runs_on_each_cpu)
{
    arrived = 0;
    cpus_seen = 0;
    for (u32 i = 0; i < num_cpus(); ++i) {
        Thread* t = make_kernel_thread(cpu(CpuId(i)), "test", arrive, nullptr);
        STILL_CHECK(t != nullptr);
        unpark(*t);
    }
    STILL_CHECK(wait_for(arrived, num_cpus()));
    STILL_CHECK(cpus_seen.load() == (num_cpus() == 64 ? ~0ull : (1ull << num_cpus()) - 1));
    return true;
}

STILL_TEST(timer_wakes_a_parked_thread)
{
    static std::atomic<u32> woken{0};
    woken = 0;
    Thread* t = make_kernel_thread(
        cpu(CpuId(num_cpus() - 1)), "sleeper",
        [](void*) {
            const u64 end = arch::read_tsc() + us_to_tsc(20'000);
            while (arch::read_tsc() < end)
                park_until(end);
            woken.fetch_add(1);
            park();
        },
        nullptr);
    STILL_CHECK(t != nullptr);
    unpark(*t);
    STILL_CHECK(wait_for(woken, 1));
    return true;
}

STILL_TEST(clock_counts_on)
{
    const u64 first = monotonic_ns();
    const u64 end = arch::read_tsc() + us_to_tsc(2'000);
    while (arch::read_tsc() < end)
        cpu_pause();
    const u64 passed = monotonic_ns() - first;
    STILL_CHECK(passed >= 1'900'000 && passed < 500'000'000);
    return true;
}

} // namespace still
