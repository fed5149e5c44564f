// SPDX-License-Identifier: BSD-2-Clause
// ptrace(2) of tasks of the LWK. What there is of it: docs/limits.md.
#include <arch/context.hpp>
#include <exec/trace_registers.hpp>
#include <exec/user_memory.hpp>
#include <mm/frame_allocator.hpp>
#include <offload/ikc.hpp>
#include <syscall/dispatch.hpp>

namespace still {

namespace {

using trace::Registers;
using trace::Tracee;

enum Request : u64 {
    traceme = 0,
    peek_text = 1,
    peek_data = 2,
    peek_user = 3,
    poke_text = 4,
    poke_data = 5,
    poke_user = 6,
    cont = 7,
    kill = 8,
    get_regs = 12,
    set_regs = 13,
    get_fpregs = 14,
    set_fpregs = 15,
    attach = 16,
    detach = 17,
    set_options = 0x4200,
    get_event_message = 0x4201,
    get_siginfo = 0x4202,
    set_siginfo = 0x4203,
    get_regset = 0x4204,
    set_regset = 0x4205,
    get_sigmask = 0x420a,
};

constexpr u64 fx_bytes = 512; // struct user_fpregs_struct

SyscallResult done(const Status& s)
{
    return s ? SyscallResult(0) : fail(s.error());
}

SyscallResult attach_to(Task& tracer, u32 tid)
{
    const auto allowed = [&](u32 pid) { return offload_quickly(tracer, STILL_CALL_MAY_TRACE, pid); };
    u32 pid = 0;
    bool foreign = true;
    {
        const HeldThread target(tid, *tracer.owner);
        if (target) {
            pid = target->owner->pid;
            foreign = &target->owner->space != &tracer.owner->space;
        }
        if (target && target->owner == tracer.owner)
            return fail(Errno::perm);
    }
    if (pid == 0) { // one of Linux's, or none
        const i64 there = TRY(allowed(tid));
        return fail(there < 0 ? static_cast<Errno>(-there) : Errno::perm);
    }
    if (const i64 may = foreign ? TRY(allowed(pid)) : 0; may < 0)
        return fail(static_cast<Errno>(-may));
    // A child's end Linux tells, that of others the LWK.
    constexpr u32 nr_waitid = 247;
    constexpr u64 by_pid = 1, look_at_all = 0x41000005; // __WALL, WNOWAIT, WEXITED, WNOHANG
    const i64 child = TRY(offload_quickly(tracer, nr_waitid, by_pid, tid, 0, look_at_all));
    const HeldThread target(tid, *tracer.owner);
    if (!target || target->owner->pid != pid) // the number is another's since Linux was asked
        return fail(Errno::srch);
    return done(trace::attach(tracer, *target, child == 0));
}

// A word of the tracee's memory. io, as Linux says it.
Status peek(Task& tracer, const Tracee& t, u64 address, u64 to)
{
    Process &here = *tracer.owner, &there = *t.task->owner;
    for (u64 done = 0; done < sizeof(u64);) {
        const UserAddr target(to + done), source(address + done);
        const Transfer part =
            AddressSpace::copy_between(here.space, target, there.space, source, sizeof(u64) - done);
        done += part.bytes;
        if (part.missing == Transfer::Missing::target &&
            resolve_fault(here, target + part.bytes, Access::write).signo != 0)
            return fail(Errno::fault);
        if (part.missing == Transfer::Missing::source &&
            resolve_fault(there, source + part.bytes, Access::read).signo != 0)
            return fail(Errno::io);
        if (here.dying.load())
            return fail(Errno::io);
    }
    return {};
}

// Only where the tracee itself may write.
Status poke(Task& tracer, const Tracee& t, u64 address, u64 value)
{
    Process& there = *t.task->owner;
    for (u64 done = 0; done < sizeof(value);) {
        const UserAddr at(address + done);
        const u64 part =
            there.space.put(at, reinterpret_cast<const u8*>(&value) + done, sizeof(value) - done);
        done += part;
        if (done < sizeof(value) &&
            (resolve_fault(there, at + part, Access::write).signo != 0 || tracer.owner->dying.load()))
            return fail(Errno::io);
    }
    return {};
}

constexpr u64 user_bytes = 928; // struct user, as Linux knows it
constexpr u64 debug_registers = 848;

Status peek_in_user(const Tracee& t, u64 offset, u64 to)
{
    if (offset % sizeof(u64) != 0 || offset >= user_bytes)
        return fail(Errno::io);
    u64 value = 0; // of a debug register: nothing is set
    if (offset < sizeof(Registers))
        value = reinterpret_cast<const u64*>(&t.regs)[offset / sizeof(u64)]; // SAFETY: a row of words
    return UserOut<u64>(to).write(value);
}

Status poke_in_user(Tracee& t, u64 offset, u64 value)
{
    if (offset % sizeof(u64) != 0 || offset >= user_bytes)
        return fail(Errno::io);
    if (offset >= sizeof(Registers)) // hardware breakpoints are not there
        return value == 0 && offset >= debug_registers ? Status{} : fail(Errno::io);
    Registers changed = t.regs;
    reinterpret_cast<u64*>(&changed)[offset / sizeof(u64)] = value; // SAFETY: a row of words
    return trace::change_registers(t, changed);
}

struct Vector { // struct iovec
    u64 base, bytes;
};

enum Regset : u64 { prstatus = 1, fpregset = 2, x86_xstate = 0x202 };

u64 regset_bytes(u64 which)
{
    switch (which) {
    case prstatus:
        return sizeof(Registers);
    case fpregset:
        return fx_bytes;
    case x86_xstate:
        return arch::has_xsave() ? arch::fpu_size() : 0;
    default:
        return 0;
    }
}

Status read_regset(const Tracee& t, u64 which, u64 to, u64 bytes)
{
    return copy_to_user(to, which == prstatus ? static_cast<const void*>(&t.regs) : t.fpu, bytes);
}

Status write_regset(Tracee& t, u64 which, u64 from, u64 bytes)
{
    if (which == prstatus) {
        Registers changed = t.regs;
        TRY_STATUS(copy_from_user(&changed, from, bytes));
        return trace::change_registers(t, changed);
    }
    void* area = frames::allocate_memory(NodeId(0), trace::fpu_order());
    if (area == nullptr)
        return fail(Errno::nomem);
    __builtin_memcpy(area, t.fpu, arch::fpu_size());
    Status good = copy_from_user(area, from, bytes);
    if (good)
        good = trace::change_fpu(t, area, which == fpregset);
    frames::release_memory(area, trace::fpu_order());
    return good;
}

Status regset(Tracee& t, u64 which, u64 vector, bool write)
{
    const Vector v = TRY(UserIn<Vector>(vector).read());
    const u64 size = regset_bytes(which);
    if (size == 0 || v.bytes % sizeof(u64) != 0)
        return fail(Errno::inval);
    const u64 bytes = min(size, v.bytes);
    if (write && which != prstatus && bytes != size)
        return fail(Errno::inval);
    TRY_STATUS(write ? write_regset(t, which, v.base, bytes) : read_regset(t, which, v.base, bytes));
    return UserOut<u64>(vector + offsetof(Vector, bytes)).write(bytes);
}

Status get_info(const Tracee& t, u64 to)
{
    u8 raw[128] = {};
    __builtin_memcpy(raw, &t.info, sizeof(t.info));
    return copy_to_user(to, raw, sizeof(raw));
}

Status set_info(Tracee& t, u64 from)
{
    t.info = TRY(UserIn<SignalInfo>(from).read());
    return {};
}

// Of a stopped tracee.
SyscallResult serve(Task& tracer, Tracee& t, u64 request, u64 address, u64 data)
{
    switch (request) {
    case peek_text:
    case peek_data:
        return done(peek(tracer, t, address, data));
    case peek_user:
        return done(peek_in_user(t, address, data));
    case poke_text:
    case poke_data:
        return done(poke(tracer, t, address, data));
    case poke_user:
        return done(poke_in_user(t, address, data));
    case cont:
    case detach:
        if (data > num_signals)
            return fail(Errno::io);
        return done(trace::go_on(t, static_cast<u32>(data),
                                 request == detach ? trace::Tie::ends : trace::Tie::keeps));
    case kill:
        return done(trace::go_on(t, sig_kill, trace::Tie::keeps));
    case get_regs:
        return done(read_regset(t, prstatus, data, sizeof(Registers)));
    case set_regs:
        return done(write_regset(t, prstatus, data, sizeof(Registers)));
    case get_fpregs:
        return done(read_regset(t, fpregset, data, fx_bytes));
    case set_fpregs:
        return done(write_regset(t, fpregset, data, fx_bytes));
    case get_regset:
        return done(regset(t, address, data, false));
    case set_regset:
        return done(regset(t, address, data, true));
    case set_options:
        if ((data & ~trace::known_options) != 0)
            return fail(Errno::inval);
        t.options = data;
        return 0;
    case get_event_message:
        return done(UserOut<u64>(data).write(0));
    case get_siginfo:
        return done(get_info(t, data));
    case set_siginfo:
        return done(set_info(t, data));
    case get_sigmask:
        return address != sizeof(u64) ? fail(Errno::inval)
                                      : done(UserOut<u64>(data).write(t.task->signals.mask));
    default:
        return fail(Errno::io);
    }
}

bool is_known(u64 request)
{
    return (request >= peek_text && request <= kill) || (request >= get_regs && request <= detach) ||
           (request >= set_options && request <= set_regset) || request == get_sigmask;
}

} // namespace

SyscallResult sys_ptrace(Task& task, const Call& call)
{
    const u64 request = call.arg[0];
    const u32 tid = static_cast<u32>(call.arg[1]);
    if (ikc::is_served_locally() || !is_known(request))
        return fail(Errno::nosys); // docs/limits.md
    if (request == attach)
        return attach_to(task, tid);
    const trace::HeldTracee tracee(task, tid);
    return tracee ? serve(task, *tracee, request, call.arg[2], call.arg[3]) : fail(Errno::srch);
}

} // namespace still
