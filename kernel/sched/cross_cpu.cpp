// SPDX-License-Identifier: BSD-2-Clause
// What one CPU makes others do: flush translations, let go of an address space, halt.
#include <arch/apic.hpp>
#include <arch/cpu.hpp>
#include <arch/page_table.hpp>
#include <mm/address_space.hpp>
#include <sched/scheduler.hpp>

namespace still {

void load_space(Cpu& c, AddressSpace* space)
{
    if (c.loaded == space)
        return;
    const u32 word = c.arch.id.value / 64;
    const u64 bit = 1ull << (c.arch.id.value % 64);
    AddressSpace* old = c.loaded;
    if (space != nullptr)
        (*space->active)[word].fetch_or(bit);
    c.loaded = space;
    arch::switch_root(space != nullptr ? space->root() : arch::kernel_top());
    if (old != nullptr && (space == nullptr || space->active != old->active))
        (*old->active)[word].fetch_and(~bit);
}

namespace {

void serve_flush(Cpu& c)
{
    const u64 wanted = c.flush_wanted.load(std::memory_order_acquire);
    if (c.flush_done.load(std::memory_order_relaxed) == wanted)
        return;
    if (c.abort_rseq.exchange(false))
        c.current->note_switch();
    if (c.flush_whole.exchange(false))
        arch::flush_whole_tlb();
    // A CPU that only idles on a space drops it: it will not be asked again, and the space may go away.
    if (c.current->space == nullptr)
        load_space(c, nullptr);
    else
        arch::flush_user_tlb();
    c.flush_done.store(wanted, std::memory_order_release);
}

} // namespace

namespace {

using Tickets = u64[STILL_MAX_CPUS / 64];

void ask(u32 i, Tickets& tickets)
{
    tickets[i / 64] |= 1ull << (i % 64);
    cpu(CpuId(i)).flush_wanted.fetch_add(1);
    arch::send_interrupt(cpu(CpuId(i)).arch.apic_id, arch::vector_shootdown);
}

void wait_for(const Tickets& tickets)
{
    Cpu& self = this_cpu();
    for (u32 i = 0; i < num_cpus(); ++i) {
        if ((tickets[i / 64] >> (i % 64) & 1) == 0)
            continue;
        const u64 wanted = cpu(CpuId(i)).flush_wanted.load();
        while (static_cast<i64>(cpu(CpuId(i)).flush_done.load(std::memory_order_acquire) - wanted) < 0) {
            // The other may wait for us in the same way.
            serve_flush(self);
            self.awaited = i + 1;
            cpu_pause(); // an end of all this comes by NMI
        }
        self.awaited = 0;
    }
}

bool runs_in(u32 i, const AddressSpace& space)
{
    return ((*space.active)[i / 64].load() >> (i % 64) & 1) != 0;
}

} // namespace

void shoot_down(AddressSpace& space)
{
    Cpu& self = this_cpu();
    Tickets tickets = {};
    for (u32 i = 0; i < num_cpus(); ++i)
        if (&cpu(CpuId(i)) != &self && runs_in(i, space))
            ask(i, tickets);
    // Its own, or one of a peer, who sees its pages too.
    if (self.loaded != nullptr && self.loaded->active == space.active) {
        if (self.current->space == nullptr)
            load_space(self, nullptr);
        else
            arch::flush_user_tlb();
    }
    wait_for(tickets);
}

void fence(AddressSpace* space, bool rseq, const CpuId* only)
{
    std::atomic_thread_fence(std::memory_order_seq_cst);
    Tickets tickets = {};
    for (u32 i = 0; i < num_cpus(); ++i) {
        if ((space != nullptr && !runs_in(i, *space)) || (only != nullptr && only->value != i))
            continue;
        Cpu& other = cpu(CpuId(i));
        if (&other == &this_cpu()) {
            if (rseq)
                other.current->note_switch();
            continue;
        }
        if (rseq)
            other.abort_rseq.store(true);
        ask(i, tickets);
    }
    wait_for(tickets);
}

void flush_kernel_translations()
{
    Tickets tickets = {};
    for (u32 i = 0; i < num_cpus(); ++i) {
        if (&cpu(CpuId(i)) == &this_cpu())
            continue;
        cpu(CpuId(i)).flush_whole.store(true);
        ask(i, tickets);
    }
    arch::flush_whole_tlb();
    wait_for(tickets);
}

void on_shootdown_interrupt()
{
    Cpu& c = this_cpu();
    ++c.counters->shootdowns;
    serve_flush(c);
}

// Others may have counted this CPU in until a moment ago, and wait for its answer; whoever starts to ask does not.
void retire_cpu()
{
    Cpu& c = this_cpu();
    load_space(c, nullptr);
    cpu_table.count.store(c.arch.id.value);
    fence(nullptr, false); // every other CPU has ended its loop over CPUs, or is in it and has asked
    serve_flush(c);
    __atomic_store_n(&c.counters->mode, STILL_CPU_OFF, __ATOMIC_RELEASE);
}

namespace {
std::atomic<bool> stopping{false};
std::atomic<u32> halted{0};
} // namespace

void stop_other_cpus()
{
    stopping.store(true);
    for (u32 i = 0; i < num_cpus(); ++i)
        if (&cpu(CpuId(i)) != &this_cpu())
            arch::send_nmi(cpu(CpuId(i)).arch.apic_id);
}

u32 cpus_halted()
{
    return halted.load();
}

void halt_if_told()
{
    if (!stopping.load())
        return;
    halted.fetch_add(1);
    arch::halt_forever();
}

} // namespace still
