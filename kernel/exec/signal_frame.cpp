// SPDX-License-Identifier: BSD-2-Clause
#include <arch/context.hpp>
#include <arch/layout.hpp>
#include <exec/signal_frame.hpp>
#include <exec/user_memory.hpp>
#include <mm/frame_allocator.hpp>

namespace still {

namespace {

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
    SignalInfo info;
    u8 rest[128 - sizeof(SignalInfo)];
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

FpSoftware& software_part(void* area)
{
    // SAFETY: the bytes that XSAVE leaves to software.
    return *reinterpret_cast<FpSoftware*>(static_cast<u8*>(area) + software_bytes);
}

void fill_context(SigContext& c, const arch::TrapFrame& f, const SignalState& s, u64 mask)
{
    c = {};
    c.r8 = f.r8, c.r9 = f.r9, c.r10 = f.r10, c.r11 = f.r11, c.r12 = f.r12, c.r13 = f.r13, c.r14 = f.r14;
    c.r15 = f.r15, c.di = f.rdi, c.si = f.rsi, c.bp = f.rbp, c.bx = f.rbx, c.dx = f.rdx, c.ax = f.rax;
    c.cx = f.rcx, c.sp = f.rsp, c.ip = f.rip, c.flags = f.rflags;
    c.cs = static_cast<u16>(f.cs);
    c.ss = static_cast<u16>(f.ss);
    c.err = s.trap_error;
    c.trapno = s.trap_number;
    c.cr2 = s.trap_address;
    c.oldmask = mask;
}

// Where the frame goes: below sp, on the alternate stack if that is asked for and free.
struct Place {
    u64 fp;
    u64 frame;
};
Result<Place> place_frame(const AltStack& alt, u64 user_sp, u64 sa_flags, u64 fp_size)
{
    u64 sp = user_sp - red_zone;
    bool bounded = alt.in_use(sp);
    if ((sa_flags & sa_onstack) != 0 && alt.mode(sp) == 0) {
        sp = alt.sp + alt.size;
        bounded = true;
    }
    Place place{};
    place.fp = (sp - fp_size - sizeof(fp_magic2)) & ~63ull;
    place.frame = ((place.fp - sizeof(SignalFrame)) & ~15ull) - 8;
    if (bounded && !alt.holds(place.frame))
        return fail(Errno::fault);
    return place;
}

Status write_fpu(Task& task, u64 at, u64 size)
{
    arch::fpu_save(task.fpu);
    if (!arch::has_xsave()) {
        software_part(task.fpu) = {};
        return copy_to_user(at, task.fpu, size);
    }
    software_part(task.fpu) = {
        fp_magic1, static_cast<u32>(size + sizeof(fp_magic2)), arch::fpu_mask(), static_cast<u32>(size), {}};
    TRY_STATUS(copy_to_user(at, task.fpu, size));
    return copy_to_user(at + size, &fp_magic2, sizeof(fp_magic2));
}

// The program may have written anything there: look before loading.
Status read_fpu(Task& task, u64 at)
{
    const u64 size = arch::fpu_size();
    u8* area = static_cast<u8*>(frames::allocate_memory(NodeId(0), task.fpu_order));
    if (area == nullptr)
        return fail(Errno::nomem);
    constexpr u64 legacy_bytes = 512;
    Status good = copy_from_user(area, at, legacy_bytes);
    const FpSoftware software = software_part(area);
    u32 end = 0;
    const bool extended = good && software.magic1 == fp_magic1 && software.xstate_size == size &&
                          copy_from_user(&end, at + size, sizeof(end)) && end == fp_magic2;
    if (good && extended)
        good = copy_from_user(area, at, size);
    else if (good)
        arch::fpu_keep_legacy(area);
    if (good && !arch::fpu_valid(area))
        good = fail(Errno::inval);
    if (good) {
        software_part(area) = {};
        __builtin_memcpy(task.fpu, area, size);
        arch::fpu_load(task.fpu);
    }
    frames::release_memory(area, task.fpu_order);
    return good;
}

void set_alt_stack(Task& task, u64 sp, u32 flags, u64 size, u64 user_sp)
{
    const u32 mode = flags & ~ss_autodisarm;
    AltStack& alt = task.signals.alt;
    if (alt.in_use(user_sp) || mode > ss_disable || (mode != ss_disable && size < min_alt_stack))
        return; // as sigaltstack(2), whose error nobody would see
    alt = mode == ss_disable ? AltStack{0, flags, 0} : AltStack{sp, flags, size};
}

} // namespace

Status push_signal_frame(Task& task, arch::TrapFrame& f, const SignalAction& action, const SignalInfo& info,
                         u64 mask)
{
    AltStack& alt = task.signals.alt;
    const u64 fp_size = arch::fpu_size();
    const Place place = TRY(place_frame(alt, f.rsp, action.flags, fp_size));
    TRY_STATUS(write_fpu(task, place.fp, fp_size));

    SignalFrame frame{};
    frame.return_address = action.restorer;
    frame.context.flags = (arch::has_xsave() ? uc_fp_xstate : 0) | uc_sigcontext_ss | uc_strict_restore_ss;
    frame.context.stack_sp = alt.sp;
    frame.context.stack_flags = alt.flags;
    frame.context.stack_size = alt.size;
    fill_context(frame.context.context, f, task.signals, mask);
    frame.context.context.fpstate = place.fp;
    frame.context.mask = mask;
    frame.info.info = info;
    TRY_STATUS(copy_to_user(place.frame, &frame, sizeof(frame)));

    f.rsp = place.frame;
    f.rip = action.handler;
    f.rdi = info.signo;
    f.rsi = place.frame + offsetof(SignalFrame, info);
    f.rdx = place.frame + offsetof(SignalFrame, context);
    f.rax = 0;
    f.rflags &= ~0x10500ull; // DF, TF, RF
    f.cs = arch::user_code;
    f.ss = arch::user_data;
    arch::fpu_init(task.fpu);
    arch::fpu_load(task.fpu);
    if ((alt.flags & ss_autodisarm) != 0)
        alt = AltStack{};
    return {};
}

void return_from_handler(Task& task, arch::TrapFrame& f)
{
    SignalFrame frame;
    const u64 at = f.rsp - 8;
    bool good = copy_from_user(&frame, at, sizeof(frame)).has_value();
    const SigContext& c = frame.context.context;
    if (good)
        set_signal_mask(task, frame.context.mask);
    if (good && c.fpstate != 0) {
        good = read_fpu(task, c.fpstate).has_value();
    } else if (good) {
        arch::fpu_init(task.fpu);
        arch::fpu_load(task.fpu);
    }
    if (!good || c.ip >= arch::user_limit) {
        (void)force_signal(task, sent_signal(sig_segv, si_kernel));
        return;
    }
    f.r8 = c.r8, f.r9 = c.r9, f.r10 = c.r10, f.r11 = c.r11, f.r12 = c.r12, f.r13 = c.r13, f.r14 = c.r14;
    f.r15 = c.r15, f.rdi = c.di, f.rsi = c.si, f.rbp = c.bp, f.rbx = c.bx, f.rdx = c.dx, f.rax = c.ax;
    f.rcx = c.cx, f.rsp = c.sp, f.rip = c.ip;
    f.rflags = (f.rflags & ~arch::user_flags) | (c.flags & arch::user_flags) | arch::flag_if;
    f.cs = arch::user_code;
    f.ss = arch::user_data;
    set_alt_stack(task, frame.context.stack_sp, frame.context.stack_flags, frame.context.stack_size, f.rsp);
}

} // namespace still
