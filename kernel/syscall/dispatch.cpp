// SPDX-License-Identifier: BSD-2-Clause
#include <arch/upcalls.hpp>
#include <array>
#include <debug/log.hpp>
#include <exec/rseq.hpp>
#include <syscall/dispatch.hpp>

namespace still {

namespace {

enum class Class : u8 { unknown, local, offload, forward, unsupported };

struct Row {
    Class kind = Class::unknown;
    SyscallResult (*handler)(Task&, const Call&) = nullptr;
    const char* name = "";
    const char* reason = "";
};

constexpr u32 table_size = 512;

constexpr auto make_table()
{
    std::array<Row, table_size> t{};
#define STILL_LOCAL(nr, name) t[nr] = {Class::local, sys_##name, #name, ""};
#define STILL_FORWARD(nr, name) t[nr] = {Class::forward, sys_##name, #name, ""};
#define STILL_OFFLOAD(nr, name) t[nr] = {Class::offload, offload_unchanged, #name, ""};
#define STILL_UNSUPPORTED(nr, name, reason) t[nr] = {Class::unsupported, nullptr, #name, reason};
#include <stillcore/syscalls.def>
#undef STILL_LOCAL
#undef STILL_FORWARD
#undef STILL_OFFLOAD
#undef STILL_UNSUPPORTED
    return t;
}

constexpr std::array<Row, table_size> table = make_table();

// What is not there is said once for each call, so that a user finds out why a program takes another way.
std::array<std::atomic<bool>, table_size> told;

[[gnu::noinline]] void tell_unsupported(const Task& task, u32 nr)
{
    if (nr < table_size && table[nr].kind == Class::unsupported && !told[nr].exchange(true))
        log("pid {} called {}: ENOSYS, {}", task.owner->pid, table[nr].name, table[nr].reason);
}

// Never restarted after a handler ran, whatever SA_RESTART says (signal(7)).
bool never_restarts(u32 nr)
{
    switch (nr) {
    case 34: // pause
    case 65: // semop, msgsnd, msgrcv
    case 69:
    case 70:
    case 128: // rt_sigtimedwait
    case 130: // rt_sigsuspend
    case 230: // clock_nanosleep, with a clock of Linux's
        return true;
    default:
        return false;
    }
}

// On these depends what one process may do to another (ptrace(2), "Ptrace access mode checking").
bool changes_credentials(u32 nr)
{
    switch (nr) {
    case 105: // setuid, setgid, setreuid, setregid, setgroups, setresuid, setresgid, setfsuid, setfsgid
    case 106:
    case 113:
    case 114:
    case 116:
    case 117:
    case 119:
    case 122:
    case 123:
    case 126: // capset
    case 157: // prctl: PR_SET_DUMPABLE, PR_SET_PTRACER
    case 272: // unshare
    case 308: // setns
        return true;
    default:
        return false;
    }
}

constexpr u64 restart_result = static_cast<u64>(-static_cast<i64>(Errno::restart));

// Nothing has happened to the thread during its call, and nothing is left of that: nearly always so.
bool is_undisturbed(const Task& task, u64 result) NO_THREAD_SAFETY // a hint, as signal_pending() is
{
    const Process& p = *task.owner;
    const Cpu& c = this_cpu();
    const u64 signals = (task.signals.pending.set() | p.pending.set()) & (~task.signals.mask | unblockable);
    return signals == 0 && !p.stopped.load(std::memory_order_relaxed) &&
           !p.dying.load(std::memory_order_relaxed) && !c.need_resched && task.may_run_on(c.arch.id) &&
           !task.was_switched && !task.restore_mask && result != restart_result;
}

// On the way back from a call: whatever has happened meanwhile.
[[gnu::noinline]] void attend(Task& task, arch::TrapFrame& frame, i32 nr)
{
    wait_while_stopped(task);
    leave_if_dying(task);
    reschedule_if_needed();
    if (!task.may_run_on(this_cpu().arch.id))
        obey_affinity();
    if (frame.rax == restart_result || task.restore_mask || signal_pending(task))
        deliver_signals(task, frame, nr);
    rseq::on_return(task, frame);
    if (signal_pending(task))
        deliver_signals(task, frame, -1); // a bad rseq area is a SIGSEGV
    leave_if_dying(task);
}

} // namespace

SyscallResult offload_unchanged(Task& task, const Call& call)
{
    const auto result =
        offload(task, call.nr, call.arg[0], call.arg[1], call.arg[2], call.arg[3], call.arg[4], call.arg[5]);
    if (!result)
        return fail(result.error());
    if (changes_credentials(call.nr))
        credentials_change();
    if (*result == -STILL_EINTR_STOPPED)
        return fail(Errno::intr);
    if (*result == -STILL_EINTR_FINAL) {
        task.restart_nr = -1;
        return fail(Errno::restart);
    }
    if (*result == -static_cast<i64>(Errno::intr)) {
        // The proxy was interrupted for the LWK's sake: what the program sees depends on the handler.
        task.restart_nr = never_restarts(call.nr) ? -1 : static_cast<i32>(call.nr);
        return fail(Errno::restart);
    }
    return static_cast<u64>(*result);
}

} // namespace still

extern "C" unsigned long still_syscall(still::arch::TrapFrame* frame)
{
    using namespace still;
    Task& task = current_task();
    const u32 nr = frame->rax < table_size ? static_cast<u32>(frame->rax) : table_size;
    const u64 rip = frame->rip;
    const Row& row = table[nr < table_size ? nr : table_size - 1];
    if (row.handler == nullptr || nr == table_size) {
        tell_unsupported(task, nr);
        frame->rax = static_cast<u64>(-static_cast<i64>(Errno::nosys));
    } else {
        if (row.kind == Class::local)
            ++this_cpu().counters->syscalls_local;
        task.restart_nr = -1; // a call before may have left its own, having ended well
        const Call call{nr, {frame->rdi, frame->rsi, frame->rdx, frame->r10, frame->r8, frame->r9}, *frame};
        const SyscallResult result = row.handler(task, call);
        // The one place where an error becomes -errno. rt_sigreturn has replaced all registers.
        if (row.handler == sys_rt_sigreturn)
            frame->rax = *result;
        else
            frame->rax = result ? *result : static_cast<u64>(-static_cast<i64>(result.error()));
    }
    if (!is_undisturbed(task, frame->rax))
        attend(task, *frame, static_cast<i32>(nr));
    return frame->rip != rip || nr == 15 ? 1 : 0;
}
