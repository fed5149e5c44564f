// SPDX-License-Identifier: BSD-2-Clause
#include <arch/apic.hpp>
#include <arch/boot.hpp>
#include <arch/cpu.hpp>
#include <arch/layout.hpp>
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

void make_cpu(const still_boot_block& block, u32 i)
{
    const still_boot_cpu& b = block.cpus[i];
    const NodeId node(b.node < block.num_nodes ? b.node : 0);
    u32 order = 0;
    while (order_bytes(order) < sizeof(Cpu))
        ++order;
    void* room = frames::allocate_memory(node, order);
    if (room == nullptr)
        panic("no memory for CPU {}", i);
    Cpu* c = new (room) Cpu;
    c->arch.self = &c->arch;
    c->arch.id = CpuId(i);
    c->arch.apic_id = b.apic_id;
    c->arch.node = node;
    c->arch.linux_cpu = b.linux_cpu;
    c->counters = shared != nullptr ? &shared->cpus[i] : &c->own_counters;
    *c->counters = {};
    c->counters->entry_frame = static_cast<u32>(arch::direct_to_phys(room).raw() / page_size);
    c->arch.quick_calls = &c->counters->syscalls_offloaded;
    add_cpu(CpuId(i), c);
}

// On the CPU itself.
void set_up_cpu(Cpu& c)
{
    auto* stacks = static_cast<u8*>(frames::allocate_memory(c.arch.node, ist_order));
    if (stacks == nullptr)
        panic("no memory for the stacks of CPU {}", c.arch.id);
    arch::init_cpu(c.arch, reinterpret_cast<u64>(stacks));
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
        Thread& idle = cpu(CpuId(i)).idle;
        if (!prepare_thread(idle, cpu(CpuId(i)).arch.node, nullptr, nullptr))
            panic("no memory for the idle stack of CPU {}", i);
        stack_tops[i] = idle.stack_top();
    }
    return arch::start_secondaries(block, image, stack_tops, [] { return cpus_up.load(); }, skip);
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
    block.num_cpus = kept;
    add_cpu(CpuId(0), &cpu(CpuId(0)));
    for (u32 i = 1; i < kept; ++i)
        make_cpu(block, i);
}

} // namespace

void make_cpus(still_boot_block& block, still_shared* with_linux)
{
    shared = with_linux;
    rings = PhysAddr(block.rings_phys);
    for (u32 i = 0; i < block.num_cpus; ++i)
        make_cpu(block, i);
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

} // namespace still

extern "C" void still_secondary_main(unsigned long)
{
    using namespace still;
    // Tickets only give stacks: which CPU this is, its APIC id tells.
    const u32 id = arch::raw_apic_id();
    for (u32 i = 1; i < num_cpus(); ++i) {
        Cpu& c = cpu(CpuId(i));
        if (c.arch.apic_id != id)
            continue;
        set_up_cpu(c);
        connect(c);
        came[i].store(true);
        cpus_up.fetch_add(1);
        ikc::drain();
        idle_loop();
    }
    arch::halt_forever();
}
