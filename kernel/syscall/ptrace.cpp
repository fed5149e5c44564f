// SPDX-License-Identifier: BSD-2-Clause
// ptrace(2) of tasks of the LWK. What there is of it: docs/limits.md.
#include <arch/context.hpp>
#include <arch/layout.hpp>
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
    single_step = 9,
    get_regs = 12,
    set_regs = 13,
    get_fpregs = 14,
    set_fpregs = 15,
    attach = 16,
    detach = 17,
    syscall = 24,
    arch_prctl = 30,
    set_options = 0x4200,
    get_event_message = 0x4201,
    get_siginfo = 0x4202,
    set_siginfo = 0x4203,
    get_regset = 0x4204,
    set_regset = 0x4205,
    seize = 0x4206,
    interrupt = 0x4207,
    listen = 0x4208,
    get_sigmask = 0x420a,
    set_sigmask = 0x420b,
    get_syscall_info = 0x420e,
};

constexpr u64 fx_bytes = 512; // struct user_fpregs_struct

SyscallResult done(const Status& s)
{
    return s ? SyscallResult(0) : fail(s.error());
}

SyscallResult attach_to(Task& tracer, u32 tid, trace::Attachment how)
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
    const i64 child = TRY(offload_quickly(tracer, nr_waitid, by_pid, pid, 0, look_at_all));
    const HeldThread target(tid, *tracer.owner);
    if (!target || target->owner->pid != pid) // the number is another's since Linux was asked
        return fail(Errno::srch);
    how.of_child = child == 0;
    return done(trace::attach(tracer, *target, how));
}

// By the task that forked this process; where that has gone, or cannot be known, by its process's first.
SyscallResult trace_me(Task& task)
{
    constexpr u32 nr_getppid = 110;
    const u32 parent = static_cast<u32>(TRY(offload_quickly(task, nr_getppid)));
    const trace::Attachment how{.of_child = true, .stops = false};
    if (const HeldThread maker(task.owner->parent_tid, *task.owner); maker && maker->owner->pid == parent)
        return done(trace::attach(*maker, task, how));
    const HeldThread first(parent, *task.owner);
    return first ? done(trace::attach(*first, task, how)) : fail(Errno::nosys); // a process of Linux's
}

SyscallResult seize_it(Task& tracer, u32 tid, u64 address, u64 options)
{
    if (address != 0 || (options & ~trace::known_options) != 0)
        return fail(Errno::io);
    return attach_to(tracer, tid, {.seized = true, .stops = false, .options = options});
}

SyscallResult peek(const Tracee& t, u64 address, u64 to)
{
    u64 word = 0;
    if (!look_into_memory(*t.task->owner, UserAddr(address), &word, sizeof(word)))
        return fail(Errno::io);
    TRY_STATUS(UserOut<u64>(to).write(word));
    return 0;
}

constexpr u64 user_bytes = 928; // struct user, as Linux knows it
constexpr u64 debug_registers = 848, behind_them = 912;

Status peek_in_user(const Tracee& t, u64 offset, u64 to)
{
    if (offset % sizeof(u64) != 0 || offset >= user_bytes)
        return fail(Errno::io);
    u64 value = 0;
    if (offset < sizeof(Registers))
        value = reinterpret_cast<const u64*>(&t.regs)[offset / sizeof(u64)]; // SAFETY: a row of words
    else if (offset >= debug_registers && offset < behind_them)
        value = trace::debug_register(*t.task, (offset - debug_registers) / sizeof(u64));
    return UserOut<u64>(to).write(value);
}

Status poke_in_user(Tracee& t, u64 offset, u64 value)
{
    if (offset % sizeof(u64) != 0 || offset >= user_bytes)
        return fail(Errno::io);
    if (offset >= debug_registers && offset < behind_them)
        return trace::set_debug_register(*t.task, (offset - debug_registers) / sizeof(u64), value);
    if (offset >= sizeof(Registers))
        return fail(Errno::io);
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
    if (!t.has_info)
        return fail(Errno::inval);
    u8 raw[128] = {};
    __builtin_memcpy(raw, &t.info, sizeof(t.info));
    return copy_to_user(to, raw, sizeof(raw));
}

Status set_info(Tracee& t, u64 from)
{
    if (!t.has_info)
        return fail(Errno::inval);
    t.info = TRY(UserIn<SignalInfo>(from).read());
    return {};
}

// struct ptrace_syscall_info of linux/ptrace.h.
struct CallInfo {
    u8 op, pad[3];
    u32 arch;
    u64 ip, sp;
    union {
        struct {
            u64 nr, arg[6];
        } entry;
        struct {
            u64 result;
            u8 is_error, pad[7];
        } exit;
    };
};
static_assert(sizeof(CallInfo) == 80);

// As much of it as there is room for; how much there is.
SyscallResult get_call_info(const Tracee& t, u64 to, u64 room)
{
    constexpr u8 none = 0, entry = 1, exit = 2;
    constexpr u32 x86_64 = 0xc000003e; // AUDIT_ARCH_X86_64
    constexpr u64 first_error = static_cast<u64>(-4095);
    const Registers& r = t.regs;
    CallInfo info{};
    info.arch = x86_64;
    info.ip = r.rip;
    info.sp = r.rsp;
    const bool at_call = t.info.code == static_cast<i32>(sig_trap | trace::sysgood);
    info.op = !at_call ? none : t.message == trace::message_entry ? entry : exit;
    u64 bytes = offsetof(CallInfo, entry);
    if (info.op == entry) {
        info.entry = {r.orig_rax, {r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9}};
        bytes = sizeof(info);
    } else if (info.op == exit) {
        info.exit = {r.rax, static_cast<u8>(r.rax >= first_error ? 1 : 0), {}};
        bytes = offsetof(CallInfo, exit.is_error) + 1;
    }
    TRY_STATUS(copy_to_user(to, &info, min(bytes, room)));
    return bytes;
}

// arch_prctl(2), as the tracee would call it.
Status change_segment(Tracee& t, u64 address, u64 code)
{
    constexpr u64 set_gs = 0x1001, set_fs = 0x1002, get_fs = 0x1003, get_gs = 0x1004;
    Registers changed = t.regs;
    switch (code) {
    case get_fs:
    case get_gs:
        return UserOut<u64>(address).write(code == get_fs ? t.regs.fs_base : t.regs.gs_base);
    case set_fs:
    case set_gs:
        if (address >= arch::user_limit)
            return fail(Errno::perm);
        (code == set_fs ? changed.fs_base : changed.gs_base) = address;
        return trace::change_registers(t, changed);
    default:
        return fail(Errno::inval);
    }
}

// That which it has but for the time of a call (sigsuspend(2)).
u64 mask_of(const Task& task)
{
    return task.restore_mask ? task.saved_mask : task.signals.mask;
}

Status set_mask(const Tracee& t, u64 from)
{
    const u64 mask = TRY(UserIn<u64>(from).read()) & ~unblockable;
    const LockGuard guard(t.task->owner->lock);
    t.task->signals.mask = mask;
    t.task->restore_mask = false;
    return {};
}

// Of a stopped tracee.
SyscallResult serve(Tracee& t, u64 request, u64 address, u64 data)
{
    switch (request) {
    case peek_text:
    case peek_data:
        return peek(t, address, data);
    case peek_user:
        return done(peek_in_user(t, address, data));
    case poke_text:
    case poke_data:
        return patch_memory(*t.task->owner, UserAddr(address), &data, sizeof(data)) ? SyscallResult(0)
                                                                                    : fail(Errno::io);
    case poke_user:
        return done(poke_in_user(t, address, data));
    case cont:
    case syscall:
    case single_step:
        if (data > num_signals)
            return fail(Errno::io);
        return done(trace::go_on(t, static_cast<u32>(data),
                                 request == syscall       ? trace::Way::to_calls
                                 : request == single_step ? trace::Way::by_steps
                                                          : trace::Way::on));
    case detach:
        return data > num_signals ? fail(Errno::io) : done(trace::detach(t, static_cast<u32>(data)));
    case listen:
        return done(trace::listen(t));
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
        return done(UserOut<u64>(data).write(t.message));
    case get_siginfo:
        return done(get_info(t, data));
    case set_siginfo:
        return done(set_info(t, data));
    case get_sigmask:
        return address != sizeof(u64) ? fail(Errno::inval) : done(UserOut<u64>(data).write(mask_of(*t.task)));
    case set_sigmask:
        return address != sizeof(u64) ? fail(Errno::inval) : done(set_mask(t, data));
    case get_syscall_info:
        return get_call_info(t, data, address);
    case arch_prctl:
        return done(change_segment(t, address, data));
    default:
        return fail(Errno::io);
    }
}

// docs/limits.md
bool is_missing(u64 request)
{
    constexpr u64 get_thread_area = 25, set_thread_area = 26, emulate = 31, emulate_step = 32,
                  peek_siginfo = 0x4209, get_filter = 0x420c, get_metadata = 0x420d, get_rseq = 0x420f;
    return request == get_thread_area || request == set_thread_area || request == emulate ||
           request == emulate_step || request == peek_siginfo || request == get_filter ||
           request == get_metadata || request == get_rseq;
}

} // namespace

SyscallResult sys_ptrace(Task& task, const Call& call)
{
    const u64 request = call.arg[0];
    const u32 tid = static_cast<u32>(call.arg[1]);
    if (ikc::is_served_locally() || is_missing(request))
        return fail(Errno::nosys);
    switch (request) {
    case traceme:
        return trace_me(task);
    case attach:
        return attach_to(task, tid, {});
    case seize:
        return seize_it(task, tid, call.arg[2], call.arg[3]);
    case interrupt:
        return done(trace::interrupt(task, tid));
    case kill:
        return done(trace::kill(task, tid));
    default:
        break;
    }
    const trace::HeldTracee tracee(task, tid);
    return tracee ? serve(*tracee, request, call.arg[2], call.arg[3]) : fail(Errno::srch);
}

} // namespace still
