// SPDX-License-Identifier: BSD-2-Clause
#include <arch/apic.hpp>
#include <arch/boot.hpp>
#include <arch/cpu.hpp>
#include <arch/layout.hpp>
#include <arch/page_table.hpp>
#include <arch/upcalls.hpp>
#include <cpus.hpp>
#include <debug/log.hpp>
#include <debug/panic.hpp>
#include <mm/frame_allocator.hpp>
#include <offload/ikc.hpp>
#include <sched/scheduler.hpp>

namespace still {

namespace {

constexpr u32 ist_order = 3; // three stacks of 8 KiB, rounded up to a power of two

still_shared* shared = nullptr;
PhysAddr rings;
std::atomic<u32> cpus_up{0};
std::atomic<bool> came[STILL_MAX_CPUS];
u64 stack_tops[STILL_MAX_CPUS];
u32 num_made = 0;
std::atomic<bool> tarries{false}; // fault injection: the next CPU to come

Cpu* room_for_cpu(NodeId node)
{
    u32 order = 0;
    while (order_bytes(order) < sizeof(Cpu))
        ++order;
    void* room = frames::allocate_memory(node, order);
    return room == nullptr ? nullptr : new (room) Cpu;
}

// false: no memory.
bool make_cpu(const still_boot_block& block, u32 i)
{
    const still_boot_cpu& b = block.cpus[i];
    const NodeId node(b.node < block.num_nodes ? b.node : 0);
    Cpu*& c = cpu_table.of[i];
    if (c == nullptr)
        c = room_for_cpu(node);
    if (c == nullptr)
        return false;
    c->arch.self = &c->arch;
    c->arch.id = CpuId(i);
    c->arch.apic_id = b.apic_id;
    c->arch.node = node;
    c->arch.linux_cpu = b.linux_cpu;
    c->counters = shared != nullptr ? &shared->cpus[i] : &c->own_counters;
    *c->counters = {};
    c->counters->entry_frame = static_cast<u32>(arch::direct_to_phys(c).raw() / page_size);
    c->arch.quick_calls = &c->counters->syscalls_offloaded;
    num_made = i + 1;
    return true;
}

void make_cpus_up_to(const still_boot_block& block)
{
    for (u32 i = num_made; i < block.num_cpus; ++i)
        if (!make_cpu(block, i))
            panic("no memory for CPU {}", i);
    cpu_table.count.store(block.num_cpus);
}

bool has_urgent_stacks(Cpu& c)
{
    if (c.urgent_stacks == nullptr)
        c.urgent_stacks = frames::allocate_memory(c.arch.node, ist_order);
    return c.urgent_stacks != nullptr;
}

bool has_idle_stack(Cpu& c)
{
    if (c.idle.stack == 0 && !prepare_thread(c.idle, c.arch.node, nullptr, nullptr))
        return false;
    stack_tops[c.arch.id.value] = c.idle.stack_top();
    return true;
}

// On the CPU itself.
void set_up_cpu(Cpu& c)
{
    if (!has_urgent_stacks(c))
        panic("no memory for the stacks of CPU {}", c.arch.id);
    arch::init_cpu(c.arch, reinterpret_cast<u64>(c.urgent_stacks));
    adopt_idle(c);
}

void connect(Cpu& c)
{
    if (shared == nullptr)
        return;
    if (!ikc::attach(c, arch::direct<still_ring_pair>(rings) + c.arch.id.value))
        panic("no memory for the service thread of CPU {}", c.arch.id);
}

// How many did not come.
u32 start_all(const still_boot_block& block, PhysAddr image, u32 skip)
{
    cpus_up.store(1);
    came[0].store(true);
    for (u32 i = 1; i < block.num_cpus; ++i) {
        came[i].store(false);
        if (!has_idle_stack(cpu(CpuId(i))))
            panic("no memory for the idle stack of CPU {}", i);
    }
    arch::Start start{stack_tops, [] { return cpus_up.load(); }, cpu_pause};
    start.skip = skip;
    start.stopped = (block.flags & STILL_BOOT_BESIDE_LINUX) != 0; // all of them, by the module
    return arch::start_secondaries(block, image, start);
}

// The block's CPUs without those that did not come. All others are stopped: they start again by their new numbers.
// What they had is not given back; this happens once, to a machine that is broken.
void leave_missing_out(still_boot_block& block)
{
    u32 kept = 1;
    for (u32 i = 1; i < block.num_cpus; ++i) {
        arch::send_init(block.cpus[i].apic_id);
        if (!came[i].load()) {
            log("the CPU with APIC id {} does not start: it is left out", block.cpus[i].apic_id);
            continue;
        }
        block.cpus[kept] = block.cpus[i];
        block.cpus[kept].linux_cpu = kept;
        ++kept;
    }
    for (u32 i = 1; i < block.num_cpus; ++i)
        cpu_table.of[i] = nullptr; // they may have been stopped with a lock held
    block.num_cpus = kept;
    num_made = 1;
    make_cpus_up_to(block);
}

// While the instance runs, the one that started this CPU counts it in: from then on the others give it threads, and ask
// it to flush. Where that has given up, an INIT ends these waits; this CPU holds no lock then.
void come(const Cpu& c)
{
    const u32 number = c.arch.id.value;
    const bool is_running = number >= num_cpus();
    while (is_running && tarries.load())
        cpu_pause();
    came[number].store(true);
    cpus_up.fetch_add(1);
    if (!is_running)
        return;
    while (number >= num_cpus())
        cpu_pause();
    arch::flush_whole_tlb(); // what changed in the kernel's map until then it was not told of
}

} // namespace

void make_cpus(still_boot_block& block, still_shared* with_linux)
{
    shared = with_linux;
    rings = PhysAddr(block.rings_phys);
    make_cpus_up_to(block);
    set_up_cpu(cpu(CpuId(0)));
}

void start_cpus(still_boot_block& block, PhysAddr image, u32 skip)
{
    connect(cpu(CpuId(0)));
    u32 missing = start_all(block, image, skip);
    if (missing != 0 && shared == nullptr) {
        leave_missing_out(block);
        missing = start_all(block, image, 0);
    }
    if (missing != 0)
        panic("{} of {} CPUs did not start", missing, block.num_cpus);
}

namespace {

// All that needs memory comes first: on the CPU itself nothing may fail.
bool prepare(const still_boot_block& block, u32 number, PhysAddr pair)
{
    if (!make_cpu(block, number))
        return false;
    Cpu& c = cpu(CpuId(number));
    c.leaving.store(true); // until it is up
    return has_urgent_stacks(c) && has_idle_stack(c) && arch::map_lent(pair, sizeof(still_ring_pair)) &&
           ikc::attach(c, arch::direct<still_ring_pair>(pair));
}

// Who comes too late is not counted in, so it has no part in anything when it is stopped.
Status start_one(const still_boot_block& block, PhysAddr image, u32 number)
{
    Cpu& c = cpu(CpuId(number));
    cpus_up.store(number);
    arch::Start start{stack_tops, [] { return cpus_up.load(); }, wait_a_moment};
    start.first = number;
    const u32 missing = arch::start_secondaries(block, image, start);
    tarries.store(false);
    if (missing != 0) {
        arch::send_init(c.arch.apic_id);
        return fail(Errno::timedout);
    }
    c.leaving.store(false);
    cpu_table.count.store(number + 1);
    return {};
}

} // namespace

Status bring_cpu(still_boot_block& block, PhysAddr image, const still_boot_cpu& fresh, PhysAddr pair)
{
    const u32 number = num_cpus();
    if (shared == nullptr || number == STILL_MAX_CPUS || !pair.aligned(page_size))
        return fail(Errno::inval);
    block.cpus[number] = fresh;
    block.num_cpus = number + 1;
    Status done = fail(Errno::nomem);
    if (prepare(block, number, pair))
        done = start_one(block, image, number);
    if (!done) {
        block.num_cpus = number;
        return done;
    }
    shared->cpus_up = num_cpus();
    keep_flushing(cpu(CpuId(number)));
    log("CPU {} (Linux's {}) has come", number, fresh.linux_cpu);
    return {};
}

void let_next_cpu_tarry()
{
    tarries.store(true);
}

Status send_cpu_away(still_boot_block& block)
{
    const Cpu& c = this_cpu();
    const u32 number = c.arch.id.value;
    if (shared == nullptr || number == 0 || number + 1 != num_cpus())
        return fail(Errno::inval);
    vacate_cpu();
    retire_cpu();
    block.num_cpus = number;
    shared->cpus_up = number;
    log("CPU {} (Linux's {}) goes", number, c.arch.linux_cpu);
    return {};
}

} // namespace still

extern "C" void still_secondary_main(unsigned long)
{
    using namespace still;
    // Tickets only give stacks: which CPU this is, its APIC id tells.
    const u32 id = arch::raw_apic_id();
    for (u32 i = 1; i < num_made; ++i) {
        Cpu& c = cpu(CpuId(i));
        if (c.arch.apic_id != id)
            continue;
        set_up_cpu(c);
        if (c.service == nullptr)
            connect(c);
        come(c);
        ikc::drain();
        idle_loop();
    }
    arch::halt_forever();
}
