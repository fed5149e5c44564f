// SPDX-License-Identifier: BSD-2-Clause
// Interrupts and exceptions, as arch/cpu/entry.S hands them up.
#include <alone.hpp>
#include <arch/apic.hpp>
#include <arch/context.hpp>
#include <arch/cpu.hpp>
#include <arch/layout.hpp>
#include <arch/upcalls.hpp>
#include <arch/user_copy.hpp>
#include <debug/log.hpp>
#include <debug/panic.hpp>
#include <debug/symbols.hpp>
#include <exec/peers.hpp>
#include <exec/way_back.hpp>
#include <offload/ikc.hpp>
#include <sched/snapshot.hpp>
#include <services/tty.hpp>

namespace still {

namespace {

constexpr u64 error_present = 1, error_write = 2, error_user = 4, error_fetch = 16, error_key = 32;

// A fault in user mode becomes the program's signal.
void signal_fault(Task& task, const arch::TrapFrame& frame, u32 signo, i32 code, u64 address, u64 key = 0)
{
    if (signo == sig_kill) {
        post_signal(*task.owner, nullptr, sent_signal(sig_kill, si_kernel));
        return;
    }
    task.signals.trap_number = frame.vector;
    task.signals.trap_error = frame.error;
    SignalInfo info = fault_signal(signo, code, address);
    info.rest[0] = key; // si_pkey
    if (force_signal(task, info) && task.tracee == nullptr) {
        log("pid {} tid {}: signal {} code {} at {:x}, rip {:x} rsp {:x} error {:x}", task.owner->pid,
            task.tid, signo, code, address, frame.rip, frame.rsp, frame.error);
        tell_fault(task, frame, signo);
    }
}

// The protection key that forbids the current thread this access; -1: none does. Asked before a page is filled in, as
// Linux does.
i32 forbidding_key(const Process& p, u64 address, Access access, u64 error)
{
    AddressSpace& space = p.space;
    const bool by_cpu = (error & error_key) != 0;
    if (!by_cpu && (access == Access::execute || !space.uses_keys()))
        return -1;
    const i32 key = space.key_at(UserAddr(address));
    if (PeerAddress there; key < 0 && by_cpu && is_of_peer(p, address, there))
        return 0; // some key of the peer's
    if (key < 0)
        return -1;
    const u32 rights = arch::read_pkru() >> (2 * key);
    return by_cpu || (rights & 1) != 0 || (access == Access::write && (rights & 2) != 0) ? key : -1;
}

void page_fault(arch::TrapFrame& frame)
{
    const u64 address = arch::read_cr2();
    Access access = Access::read;
    if ((frame.error & error_write) != 0)
        access = Access::write;
    else if ((frame.error & error_fetch) != 0)
        access = Access::execute;
    Cpu& c = this_cpu();
    if (frame.from_user()) {
        Task& task = current_task();
        FaultError e{sig_segv, segv_maperr};
        const i32 key =
            address < arch::user_end ? forbidding_key(*task.owner, address, access, frame.error) : -1;
        if (key >= 0)
            e.code = segv_pkuerr;
        else if (address < arch::user_end)
            e = resolve_fault(*task.owner, UserAddr(address), access);
        if (e.signo != 0) {
            // Of the kernel's addresses a program learns only that it may not touch them.
            frame.error |= error_user | (address >= arch::user_end ? error_present : 0);
            task.signals.trap_address = address;
            signal_fault(task, frame, e.signo, e.code, address, key >= 0 ? static_cast<u64>(key) : 0);
        }
        return;
    }
    const u64 fixup = arch::user_copy_fixup(frame.rip);
    if (fixup == 0 || address >= arch::user_end || c.current->process == nullptr)
        panic_text("page fault in the kernel", &frame);
    const bool forbidden = forbidding_key(*c.current->process, address, access, frame.error) >= 0;
    if (!forbidden && !c.no_user_faults &&
        resolve_fault(*c.current->process, UserAddr(address), access).signo == 0)
        return;
    frame.rip = fixup;
}

// si_code of what x87 or SSE did not mask (Linux's fpu__exception_code).
i32 fpe_code(u32 exceptions)
{
    constexpr u32 invalid = 1, denormal = 2, zero = 4, over = 8, under = 16, inexact = 32;
    return (exceptions & invalid) != 0              ? fpe_fltinv
           : (exceptions & zero) != 0               ? fpe_fltdiv
           : (exceptions & over) != 0               ? fpe_fltovf
           : (exceptions & (denormal | under)) != 0 ? fpe_fltund
           : (exceptions & inexact) != 0            ? fpe_fltres
                                                    : 0;
}

void debug_trap(Task& task, arch::TrapFrame& frame)
{
    constexpr u64 resume_flag = 0x10000;
    u64 status = arch::take_debug_status() & (arch::debug_hits | arch::debug_step);
    if (task.debug == nullptr && (status & arch::debug_hits) != 0) { // another's, who ran here before
        arch::clear_debug();
        status &= ~arch::debug_hits;
        if (status == 0)
            return;
    }
    if (task.debug != nullptr) {
        task.debug->status = status;
        if (arch::stops_before(*task.debug, frame.rip))
            frame.rflags |= resume_flag; // and not once more
    }
    const bool hits = (status & arch::debug_hits) != 0 && (status & arch::debug_step) == 0;
    signal_fault(task, frame, sig_trap, hits ? trap_hwbkpt : trap_trace, frame.rip);
}

void exception(arch::TrapFrame& frame)
{
    if (!frame.from_user()) {
        // Accesses at non-canonical addresses are general protection faults.
        if (const u64 fixup = arch::user_copy_fixup(frame.rip); fixup != 0) {
            frame.rip = fixup;
            return;
        }
        panic_text("exception in the kernel", &frame);
    }
    Task& task = current_task();
    switch (frame.vector) {
    case 0:
        signal_fault(task, frame, sig_fpe, fpe_intdiv, frame.rip);
        break;
    case 1:
        debug_trap(task, frame);
        break;
    case 3:
        signal_fault(task, frame, sig_trap, si_kernel, 0);
        break;
    case 6:
        signal_fault(task, frame, sig_ill, ill_illopn, frame.rip);
        break;
    case 11:
    case 12:
        signal_fault(task, frame, sig_bus, si_kernel, 0);
        break;
    case 16:
    case 19:
        if (const i32 code = fpe_code(arch::fpu_exceptions(frame.vector == 16)); code != 0)
            signal_fault(task, frame, sig_fpe, code, frame.rip);
        break;
    case 17:
        signal_fault(task, frame, sig_bus, bus_adraln, 0);
        break;
    default:
        signal_fault(task, frame, sig_segv, si_kernel, 0);
        break;
    }
}

void interrupt(u64 vector)
{
    Cpu& c = this_cpu();
    switch (vector) {
    case arch::vector_doorbell:
        ++c.counters->doorbells;
        arch::end_of_interrupt();
        ikc::drain();
        break;
    case arch::vector_reschedule:
        arch::end_of_interrupt();
        on_reschedule_interrupt();
        break;
    case arch::vector_shootdown:
        arch::end_of_interrupt();
        on_shootdown_interrupt();
        break;
    case arch::vector_timer:
        arch::end_of_interrupt();
        on_timer_interrupt();
        break;
    case arch::vector_serial:
        arch::end_of_interrupt();
        tty::on_serial_interrupt();
        break;
    case arch::vector_spurious:
        ++c.counters->strays;
        break;
    default:
        // Linux broadcasts to every CPU that it ever saw; without the EOI this CPU would go deaf.
        ++c.counters->strays;
        if (arch::vector_in_service() != 0)
            arch::end_of_interrupt();
        break;
    }
}

} // namespace

} // namespace still

extern "C" void still_trap(still::arch::TrapFrame* frame)
{
    using namespace still;
    if (frame->vector == arch::vector_page_fault)
        page_fault(*frame);
    else if (frame->vector < 32)
        exception(*frame);
    else
        interrupt(frame->vector);
    if (!frame->from_user()) {
        // What it brought is for the way back from the system call that it came into.
        if (frame->vector >= 32)
            current_thread().attention = true;
        return;
    }
    attend(current_task(), *frame, -1);
}

extern "C" void still_urgent_trap(still::arch::TrapFrame* frame)
{
    using namespace still;
    if (frame->vector == arch::vector_double_fault)
        panic_text("double fault", frame);
    if (frame->vector == arch::vector_machine_check)
        panic_text("machine check", frame);
    ++this_cpu().counters->nmis;
    answer_nmi(*frame);
    halt_if_told();
}
