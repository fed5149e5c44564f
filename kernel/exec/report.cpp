// SPDX-License-Identifier: BSD-2-Clause
#include <arch/cpu.hpp>
#include <exec/core_file.hpp>
#include <exec/peers.hpp>
#include <exec/report.hpp>
#include <sched/clock.hpp>

namespace still {

namespace {

u8* room = nullptr;

template <class Record> struct Records {
    static constexpr u64 most = STILL_REPORT_BYTES / sizeof(Record);
    u64 count = 0;
    [[nodiscard]] bool full() const { return count == most; }
    void add(const Record& record)
    {
        __builtin_memcpy(room + count * sizeof(Record), &record, sizeof(Record));
        ++count;
    }
};

u16 kind_of(const AddressSpace::AreaInfo& area)
{
    switch (area.kind) {
    case VmaKind::file:
        return STILL_AREA_FILE;
    case VmaKind::foreign:
        return (area.prot & prot_exec) != 0 ? STILL_AREA_VDSO : STILL_AREA_DATA;
    case VmaKind::mirrored:
        return STILL_AREA_LINUX;
    case VmaKind::anonymous:
    case VmaKind::leaving:
        break;
    }
    return STILL_AREA_ANONYMOUS;
}

void add_memory(Process& p, still_report_process& r)
{
    AddressSpace::AreaInfo area;
    for (UserAddr a(0); p.space.area(a, area); a = area.range.end) {
        if (area.kind == VmaKind::leaving)
            continue;
        const u64 bytes = area.range.size();
        r.virtual_bytes += bytes;
        r.locked_bytes += area.traits.locked ? bytes : 0;
        if (area.stack)
            r.stack_bytes += bytes;
        else if ((area.prot & prot_write) != 0)
            r.data_bytes += bytes;
        else if (area.kind == VmaKind::file && (area.prot & prot_exec) != 0)
            r.code_bytes += bytes;
    }
    r.resident_bytes = p.space.resident_bytes();
    r.peak_resident_bytes = p.space.peak_resident_bytes();
    r.peak_virtual_bytes = max(p.space.peak_mapped_bytes(), r.virtual_bytes);
}

// Requests that its slots have carried, and how many of them have no answer yet.
void add_calls(Process& p, still_report_process& r)
{
    u32 count;
    {
        LockGuard guard(p.lock);
        count = p.num_slots + p.num_more * STILL_MORE_SLOTS;
    }
    for (u32 i = 0; i < count; ++i) {
        const still_slot& s = slot_at(p, i);
        const u32 seq = __atomic_load_n(&s.seq, __ATOMIC_RELAXED);
        r.calls_offloaded += seq;
        r.num_offloading += seq != __atomic_load_n(&s.answer_seq, __ATOMIC_RELAXED);
    }
}

u64 report_process(Process& p)
{
    still_report_process r{};
    r.pid = p.pid;
    add_memory(p, r);
    add_calls(p, r);
    r.brk_start = p.space.brk_start.raw();
    r.brk_end = p.space.brk_end.raw();
    r.cpu_ns = process_cpu_ns(p);
    r.page_faults = p.page_faults.load(std::memory_order_relaxed);
    r.limit_as = p.space.limit_as;
    r.limit_data = p.space.limit_data;
    r.limit_stack = p.limit_stack;
    r.limit_memlock = p.limit_memlock;
    r.limit_cpu = p.limit_cpu;
    if (p.peers != nullptr) {
        r.peers_shift = static_cast<u8>(peers_shift());
        r.peers_rank = static_cast<u8>(p.peer_rank);
        r.peers_size = static_cast<u8>(p.page->peers_size);
    }
    for (u32 i = 0; i < STILL_MAX_CPUS / 64; ++i)
        r.cpu_mask[i] = p.page->cpu_mask[i];
    (void)keep_present(r.cpu_mask);
    {
        LockGuard guard(p.lock);
        for (Task* t = p.tasks; t != nullptr; t = t->next_task)
            ++r.num_threads;
        r.pending_signals = p.pending.set();
        for (u32 signo = 1; signo <= num_signals; ++signo) {
            const u64 handler = p.actions.of[signo - 1].handler;
            r.ignored_signals |= handler == 1 ? signal_bit(signo) : 0;
            r.caught_signals |= handler > 1 ? signal_bit(signo) : 0;
        }
    }
    Records<still_report_process> records;
    records.add(r);
    return records.count;
}

u64 report_threads(Process& p, u64 skip, u64& next)
{
    Records<still_report_thread> records;
    LockGuard guard(p.lock);
    u64 index = 0;
    for (Task* t = p.tasks; t != nullptr; t = t->next_task, ++index) {
        if (index < skip)
            continue;
        if (records.full()) {
            next = index;
            break;
        }
        still_report_thread r{};
        r.tid = t->tid;
        r.state = t->state == Thread::State::parked ? STILL_THREAD_WAITING : STILL_THREAD_RUNNING;
        r.cpu = t->cpu != nullptr ? t->cpu->arch.id.value : 0;
        r.cpu_ns = tsc_to_ns(busy_ticks(*t));
        r.pending_signals = t->signals.pending.set();
        r.blocked_signals = t->signals.mask;
        __builtin_memcpy(r.affinity, t->affinity, sizeof(r.affinity));
        (void)keep_present(r.affinity);
        records.add(r);
    }
    return records.count;
}

// A walk of the tables holds the space's lock: piece by piece, so that nobody waits long.
u64 resident_in(Process& p, UserRange range)
{
    u64 bytes = 0;
    for (UserAddr a = range.start; a < range.end;) {
        const UserAddr end = min(range.end, a.align_down(page_size_1g) + page_size_1g);
        bytes += p.space.resident_in({a, end});
        a = end;
        arch::interrupt_window();
    }
    return bytes;
}

u64 report_usage(Process& p)
{
    AddressSpace::Usage usage = {};
    AddressSpace::AreaInfo area;
    for (UserAddr a(0); p.space.area(a, area); a = area.range.end) {
        for (UserAddr at = area.range.start; at < area.range.end;) {
            const UserAddr end = min(area.range.end, at.align_down(page_size_1g) + page_size_1g);
            p.space.add_usage({at, end}, usage);
            at = end;
            arch::interrupt_window();
        }
    }
    Records<still_report_usage> records;
    for (u32 node = 0; node < STILL_MAX_NODES; ++node) {
        const u64(&bytes)[3] = usage[node];
        if ((bytes[0] | bytes[1] | bytes[2]) != 0)
            records.add({node, 0, {bytes[0], bytes[1], bytes[2]}});
    }
    return records.count;
}

u64 report_areas(Process& p, u64 from, bool with_sizes, u64& next)
{
    Records<still_report_area> records;
    AddressSpace::AreaInfo area;
    for (UserAddr a(from); p.space.area(a, area); a = area.range.end) {
        if (area.kind == VmaKind::leaving)
            continue;
        if (records.full()) {
            next = area.range.start.raw();
            break;
        }
        still_report_area r{};
        r.start = area.range.start.raw();
        r.end = area.range.end.raw();
        r.file_offset = area.file >= 0 ? area.file_offset : 0;
        r.prot = area.prot;
        r.kind = kind_of(area);
        r.flags = area.stack ? STILL_AREA_STACK : 0;
        if (area.traits.huge != 0)
            r.flags |= area.traits.huge == huge_shift_1g ? STILL_AREA_HUGE_1G : STILL_AREA_HUGE_2M;
        if (area.traits.locked)
            r.flags |= STILL_AREA_LOCKED;
        r.file = area.file;
        if (with_sizes && area.kind != VmaKind::foreign)
            r.resident_bytes = resident_in(p, area.range);
        records.add(r);
    }
    return records.count;
}

} // namespace

void init_report(void* area)
{
    room = static_cast<u8*>(area);
}

namespace {

Result<u64> report_registers(Process& p, u64 tid)
{
    static_assert(sizeof(still_report_registers) <= STILL_REPORT_BYTES);
    // SAFETY: the area is page aligned.
    TRY_STATUS(registers_of(p, static_cast<u32>(tid), *reinterpret_cast<still_report_registers*>(room)));
    return 1;
}

} // namespace

Result<u64> report(Process& p, u64 kind, u64 cursor, u64& next)
{
    next = 0;
    if (room == nullptr)
        return fail(Errno::nosys);
    switch (kind) {
    case STILL_REPORT_PROCESS:
        return report_process(p);
    case STILL_REPORT_THREADS:
        return report_threads(p, cursor, next);
    case STILL_REPORT_AREAS:
    case STILL_REPORT_SIZES:
        return report_areas(p, cursor, kind == STILL_REPORT_SIZES, next);
    case STILL_REPORT_REGISTERS:
        return report_registers(p, cursor);
    case STILL_REPORT_USAGE:
        return report_usage(p);
    default:
        return fail(Errno::inval);
    }
}

} // namespace still
