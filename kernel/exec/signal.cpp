// SPDX-License-Identifier: BSD-2-Clause
#include <arch/context.hpp>
#include <exec/process.hpp>
#include <exec/rseq.hpp>
#include <exec/user_memory.hpp>
#include <mm/frame_allocator.hpp>

namespace still {

namespace {

enum class Default : u8 { terminate, core, ignore, stop };

Default default_action(u32 signo)
{
    switch (signo) {
    case sig_chld:
    case sig_cont:
    case sig_urg:
    case sig_winch:
        return Default::ignore;
    case sig_stop:
    case 20: // SIGTSTP, SIGTTIN, SIGTTOU: Linux stops the proxy itself
    case 21:
    case 22:
        return Default::stop;
    case 3: // SIGQUIT
    case sig_ill:
    case sig_trap:
    case sig_abrt:
    case sig_bus:
    case sig_fpe:
    case sig_segv:
    case 24: // SIGXCPU, SIGXFSZ
    case 25:
    case sig_sys:
        return Default::core;
    default:
        return Default::terminate;
    }
}

// The process's lock is held.
bool is_ignored(Process& p, u32 signo) NO_THREAD_SAFETY
{
    const SignalAction& a = p.actions.of[signo - 1];
    if (a.handler == 1)
        return true;
    const Default d = default_action(signo);
    return a.handler == 0 && (d == Default::ignore || d == Default::stop);
}

void add(SignalQueue& q, const SignalInfo& info)
{
    if ((q.set & signal_bit(info.signo)) == 0)
        q.info[info.signo - 1] = info;
    q.set |= signal_bit(info.signo);
}

void notice(Task& t)
{
    unpark(t);
    kick(t);
}

// Linux's frame on the user's stack (arch/x86/include/asm/sigframe.h and uapi sigcontext.h give the layout).
struct SigContext {
    u64 r8, r9, r10, r11, r12, r13, r14, r15, di, si, bp, bx, dx, ax, cx, sp, ip, flags;
    u16 cs, gs, fs, ss;
    u64 err, trapno, oldmask, cr2, fpstate, reserved[8];
};
static_assert(sizeof(SigContext) == 256);

struct UContext {
    u64 flags, link;
    u64 stack_sp;
    u32 stack_flags, pad;
    u64 stack_size;
    SigContext context;
    u64 mask;
};

struct UserSigInfo {
    i32 signo, error, code, pad;
    u32 pid, uid; // or the fault's address in both
    u64 value;
    u8 rest[128 - 32];
};
static_assert(sizeof(UserSigInfo) == 128);

struct SignalFrame {
    u64 return_address;
    UContext context;
    UserSigInfo info;
};
static_assert(sizeof(SignalFrame) == 440);

constexpr u64 uc_fp_xstate = 1, uc_sigcontext_ss = 2, uc_strict_restore_ss = 4;
constexpr u32 fp_magic1 = 0x46505853, fp_magic2 = 0x46505845;
constexpr u64 software_bytes = 464; // in the legacy XSAVE region
constexpr u64 red_zone = 128;

struct FpSoftware {
    u32 magic1, extended_size;
    u64 features;
    u32 xstate_size, pad[7];
};
static_assert(sizeof(FpSoftware) == 48);

bool on_alt_stack(const AltStack& alt, u64 sp)
{
    return alt.size != 0 && sp > alt.sp && sp - alt.sp <= alt.size;
}

void fill_context(SigContext& c, const arch::TrapFrame& f, u64 mask)
{
    c = {};
    c.r8 = f.r8, c.r9 = f.r9, c.r10 = f.r10, c.r11 = f.r11, c.r12 = f.r12, c.r13 = f.r13, c.r14 = f.r14;
    c.r15 = f.r15, c.di = f.rdi, c.si = f.rsi, c.bp = f.rbp, c.bx = f.rbx, c.dx = f.rdx, c.ax = f.rax;
    c.cx = f.rcx, c.sp = f.rsp, c.ip = f.rip, c.flags = f.rflags;
    c.cs = static_cast<u16>(f.cs);
    c.ss = static_cast<u16>(f.ss);
    c.err = f.error;
    c.trapno = f.vector < 32 ? f.vector : 0;
    c.oldmask = mask;
}

// Writes the handler's frame and points the registers at the handler.
Status push_frame(Task& task, arch::TrapFrame& f, const SignalAction& action, const SignalInfo& info,
                  u64 mask)
{
    AltStack& alt = task.signals.alt;
    u64 sp = f.rsp - red_zone;
    const bool use_alt =
        (action.flags & sa_onstack) != 0 && (alt.flags & 2) == 0 && !on_alt_stack(alt, f.rsp);
    if (use_alt)
        sp = alt.sp + alt.size;
    const u64 fp_size = arch::fpu_size();
    sp = (sp - fp_size - 4) & ~63ull;
    const u64 fp_at = sp;
    sp = ((sp - sizeof(SignalFrame)) & ~15ull) - 8;
    if (use_alt && sp < alt.sp)
        return fail(Errno::fault);

    arch::fpu_save(task.fpu);
    auto* software = reinterpret_cast<FpSoftware*>(static_cast<u8*>(task.fpu) +
                                                   software_bytes); // SAFETY: reserved for software
    *software = {fp_magic1, static_cast<u32>(fp_size) + 4, arch::fpu_mask(), static_cast<u32>(fp_size), {}};
    TRY_STATUS(copy_to_user(fp_at, task.fpu, fp_size));
    TRY_STATUS(copy_to_user(fp_at + fp_size, &fp_magic2, 4));

    SignalFrame frame{};
    frame.return_address = action.restorer;
    frame.context.flags = uc_fp_xstate | uc_sigcontext_ss | uc_strict_restore_ss;
    frame.context.stack_sp = alt.sp;
    frame.context.stack_flags = alt.flags & 2 ? 2 : on_alt_stack(alt, f.rsp) ? 1 : 0;
    frame.context.stack_size = alt.size;
    fill_context(frame.context.context, f, mask);
    frame.context.context.fpstate = fp_at;
    frame.context.mask = mask;
    frame.info.signo = static_cast<i32>(info.signo);
    frame.info.code = info.code;
    const bool fault = info.code > 0 && info.code < si_kernel &&
                       (info.signo == sig_segv || info.signo == sig_bus || info.signo == sig_fpe ||
                        info.signo == sig_ill || info.signo == sig_trap);
    if (fault) {
        frame.info.pid = static_cast<u32>(info.value);
        frame.info.uid = static_cast<u32>(info.value >> 32);
        frame.context.context.cr2 = info.value;
    } else {
        frame.info.pid = info.pid;
        frame.info.uid = info.uid;
        frame.info.value = info.value;
    }
    TRY_STATUS(copy_to_user(sp, &frame, sizeof(frame)));

    f.rsp = sp;
    f.rip = action.handler;
    f.rdi = info.signo;
    f.rsi = sp + offsetof(SignalFrame, info);
    f.rdx = sp + offsetof(SignalFrame, context);
    f.rax = 0;
    f.rflags &= ~0x40500ull; // DF, TF, AC
    f.cs = arch::user_code;
    f.ss = arch::user_data;
    arch::fpu_init(task.fpu);
    arch::fpu_load(task.fpu);
    return {};
}

// Takes the next deliverable signal off the queues. signo 0: none.
SignalInfo take(Task& task, SignalAction& action, u64& mask) NO_THREAD_SAFETY
{
    Process& p = *task.owner;
    LockGuard guard(p.lock);
    for (;;) {
        const u64 open = ~task.signals.mask | signal_bit(sig_kill) | signal_bit(sig_stop);
        SignalQueue* q = &task.signals.pending;
        if ((q->set & open) == 0)
            q = &p.pending;
        u64 ready = q->set & open;
        if (ready == 0)
            return {};
        // Faults first, as on Linux; then the lowest number.
        constexpr u64 synchronous = signal_bit(sig_segv) | signal_bit(sig_bus) | signal_bit(sig_ill) |
                                    signal_bit(sig_trap) | signal_bit(sig_fpe) | signal_bit(sig_sys);
        if ((ready & synchronous) != 0)
            ready &= synchronous;
        const u32 signo = static_cast<u32>(__builtin_ctzll(ready)) + 1;
        q->set &= ~signal_bit(signo);
        if (signo != sig_kill && is_ignored(p, signo))
            continue;
        action = p.actions.of[signo - 1];
        mask = task.restore_mask ? task.saved_mask : task.signals.mask;
        if (action.handler > 1) {
            if ((action.flags & sa_resethand) != 0)
                p.actions.of[signo - 1].handler = 0;
            task.signals.mask |= action.mask | ((action.flags & sa_nodefer) != 0 ? 0 : signal_bit(signo));
            task.signals.mask &= ~(signal_bit(sig_kill) | signal_bit(sig_stop));
            task.restore_mask = false;
        }
        return q->info[signo - 1];
    }
}

} // namespace

void post_signal(Process& p, Task* task, const SignalInfo& info)
{
    if (info.signo == 0 || info.signo > num_signals)
        return;
    LockGuard guard(p.lock);
    Task* target = task;
    bool blocked_everywhere = true;
    for (Task* t = p.tasks; t != nullptr; t = t->next_task) {
        const bool open = (t->signals.mask & signal_bit(info.signo)) == 0;
        blocked_everywhere &= !open;
        // The main thread first, as on Linux; it is the last of the list.
        if (task == nullptr && open)
            target = t;
    }
    if (info.signo != sig_kill && is_ignored(p, info.signo) && !blocked_everywhere)
        return;
    add(task != nullptr ? task->signals.pending : p.pending, info);
    if (target != nullptr)
        notice(*target);
    else if (info.signo == sig_kill && p.tasks != nullptr)
        notice(*p.tasks);
    else
        for (Task* t = p.tasks; t != nullptr; t = t->next_task)
            notice(*t); // sigtimedwait and the like
}

bool force_signal(Task& task, const SignalInfo& info)
{
    Process& p = *task.owner;
    LockGuard guard(p.lock);
    SignalAction& a = p.actions.of[info.signo - 1];
    const u64 bit = signal_bit(info.signo);
    if (a.handler == 1 || (task.signals.mask & bit) != 0) {
        a.handler = 0;
        task.signals.mask &= ~bit;
    }
    task.signals.pending.set &= ~bit;
    add(task.signals.pending, info);
    return a.handler == 0;
}

bool signal_pending(Task& task)
{
    const u64 set = __atomic_load_n(&task.signals.pending.set, __ATOMIC_RELAXED) |
                    __atomic_load_n(&task.owner->pending.set, __ATOMIC_RELAXED);
    return (set & (~task.signals.mask | signal_bit(sig_kill) | signal_bit(sig_stop))) != 0;
}

void deliver_signals(Task& task, arch::TrapFrame& frame, i32 nr)
{
    const bool interrupted = nr >= 0 && frame.rax == static_cast<u64>(-static_cast<i64>(Errno::restart));
    bool handled = false;
    while (signal_pending(task)) {
        SignalAction action;
        u64 mask = 0;
        const SignalInfo info = take(task, action, mask);
        if (info.signo == 0)
            break;
        if (action.handler == 0) {
            const bool core = default_action(info.signo) == Default::core;
            exit_process_by_signal(task, info.signo, core);
        }
        if (interrupted && !handled) {
            if (((action.flags & sa_restart) != 0 || task.restart_always) && task.restart_nr >= 0) {
                frame.rax = static_cast<u64>(task.restart_nr);
                frame.rip -= 2; // SYSCALL
            } else {
                frame.rax = static_cast<u64>(-static_cast<i64>(Errno::intr));
            }
        }
        handled = true;
        rseq::on_signal(task, frame);
        if (!push_frame(task, frame, action, info, mask))
            exit_process_by_signal(task, sig_segv, true);
    }
    if (interrupted && !handled) {
        frame.rax = static_cast<u64>(nr);
        frame.rip -= 2;
    }
    task.restart_nr = -1;
    task.restart_always = false;
    if (task.restore_mask) {
        task.restore_mask = false;
        task.signals.mask = task.saved_mask;
    }
}

void return_from_handler(Task& task, arch::TrapFrame& f)
{
    SignalFrame frame;
    const u64 at = f.rsp - 8;
    bool good = copy_from_user(&frame, at, sizeof(frame)).has_value();
    const SigContext& c = frame.context.context;
    if (good && c.fpstate != 0) {
        // The program may have written anything there: look before loading.
        void* area = frames::allocate_memory(NodeId(0), task.fpu_order);
        good = area != nullptr && copy_from_user(area, c.fpstate, arch::fpu_size()).has_value();
        if (good) {
            auto* software =
                reinterpret_cast<FpSoftware*>(static_cast<u8*>(area) + software_bytes); // SAFETY: as above
            good = software->magic1 == fp_magic1 && arch::fpu_valid(area);
            if (good) {
                __builtin_memset(software, 0, sizeof(*software));
                __builtin_memcpy(task.fpu, area, arch::fpu_size());
                arch::fpu_load(task.fpu);
            }
        }
        if (area != nullptr)
            frames::release_memory(area, task.fpu_order);
    }
    if (!good || c.ip >= 0x7ffffffff000) {
        (void)force_signal(task, {sig_segv, si_kernel, 0, 0, 0});
        return;
    }
    f.r8 = c.r8, f.r9 = c.r9, f.r10 = c.r10, f.r11 = c.r11, f.r12 = c.r12, f.r13 = c.r13, f.r14 = c.r14;
    f.r15 = c.r15, f.rdi = c.di, f.rsi = c.si, f.rbp = c.bp, f.rbx = c.bx, f.rdx = c.dx, f.rax = c.ax;
    f.rcx = c.cx, f.rsp = c.sp, f.rip = c.ip;
    f.rflags = (f.rflags & ~arch::user_flags) | (c.flags & arch::user_flags) | arch::flag_if;
    f.cs = arch::user_code;
    f.ss = arch::user_data;
    LockGuard guard(task.owner->lock);
    task.signals.mask = frame.context.mask & ~(signal_bit(sig_kill) | signal_bit(sig_stop));
    if (frame.context.stack_flags == 2)
        task.signals.alt = AltStack{};
}

} // namespace still
