// SPDX-License-Identifier: BSD-2-Clause
#include <arch/cpu.hpp>
#include <arch/upcalls.hpp>
#include <array>
#include <debug/log.hpp>
#include <exec/offload.hpp>
#include <exec/spare_proxies.hpp>
#include <exec/trace.hpp>
#include <exec/way_back.hpp>
#include <sched/clock.hpp>
#include <syscall/dispatch.hpp>

namespace still {

namespace {

using Handler = SyscallResult (*)(Task&, const Call&);

SyscallResult unsupported(Task& task, const Call& call);
SyscallResult other_call(Task& task, const Call& call);

// On these depends what one process may do to another (ptrace(2), "Ptrace access mode checking").
constexpr bool changes_credentials(u32 nr)
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
        return true;
    default:
        return false;
    }
}

struct Row {
    Handler handler = unsupported;
    u64 is_local = 0; // added to the CPU's counter
};

constexpr u32 table_size = max_calls + 1; // the last row is that of numbers which are no calls

constexpr auto make_table()
{
    std::array<Row, table_size> t{};
    t[max_calls].handler = other_call;
#define STILL_LOCAL(nr, name) t[nr] = {sys_##name, 1};
#define STILL_FORWARD(nr, name) t[nr] = {sys_##name, 0};
#define STILL_OFFLOAD(nr, name)                                                                              \
    t[nr] = {changes_credentials(nr) ? offload_credentials : offload_unchanged, 0};
#define STILL_UNSUPPORTED(nr, name, reason)
#include <stillcore/syscalls.def>
#undef STILL_LOCAL
#undef STILL_FORWARD
#undef STILL_OFFLOAD
#undef STILL_UNSUPPORTED
    return t;
}

constexpr std::array<Row, table_size> table = make_table();

constexpr auto make_quick_calls()
{
    std::array<u8, table_size> t{};
    for (u32 nr = 0; nr < table_size; ++nr)
        t[nr] = table[nr].handler == offload_unchanged ? 1 : 0;
    return t;
}

// Why a call is not there.
struct Reason {
    const char* name = nullptr;
    const char* text = nullptr;
};

constexpr auto make_reasons()
{
    std::array<Reason, table_size> t{};
#define STILL_LOCAL(nr, name)
#define STILL_FORWARD(nr, name)
#define STILL_OFFLOAD(nr, name)
#define STILL_UNSUPPORTED(nr, name, reason) t[nr] = {#name, reason};
#include <stillcore/syscalls.def>
#undef STILL_LOCAL
#undef STILL_FORWARD
#undef STILL_OFFLOAD
#undef STILL_UNSUPPORTED
    return t;
}

constexpr std::array<Reason, table_size> reasons = make_reasons();

// What is not there is said once for each call, so that a user finds out why a program takes another way.
std::array<std::atomic<bool>, table_size> told;

SyscallResult unsupported(Task& task, const Call& call)
{
    const Reason& reason = reasons[call.nr];
    if (reason.name != nullptr && !told[call.nr].exchange(true))
        log("pid {} called {}: ENOSYS, {}", task.owner->pid, reason.name, reason.text);
    return fail(Errno::nosys);
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

// A call on a socket with a timeout goes on: its proxy is told how much of that is over.
SyscallResult socket_again(Task& task, const Resume& left)
{
    TRY(offload_quickly(task, STILL_CALL_WAITED, tsc_to_ns(arch::read_tsc() - left.deadline)));
    const auto& arg = left.arg;
    const i64 result = TRY(offload(task, task.resumed_nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]));
    if (result == -STILL_EINTR_STOPPED)
        return fail(Errno::intr);
    if (result != -STILL_EINTR_FINAL && result != -static_cast<i64>(Errno::intr))
        return static_cast<u64>(result);
    task.resume = left;
    return fail(Errno::restart);
}

// What an error of Linux's is to the program.
SyscallResult linux_error(Task& task, const Call& call, i64 result)
{
    if (result == -STILL_EINTR_STOPPED)
        return fail(Errno::intr);
    if (result == -STILL_EINTR_FINAL) {
        const arch::TrapFrame& f = call.frame;
        task.restart_nr = -1;
        task.resumed_nr = call.nr;
        task.resume = {socket_again, task.slot.waiting_since(), {f.rdi, f.rsi, f.rdx, f.r10, f.r8, f.r9}};
        return fail(Errno::restart);
    }
    if (result == -static_cast<i64>(Errno::intr)) {
        // The proxy was interrupted for the LWK's sake: what the program sees depends on the handler.
        task.restart_nr = never_restarts(call.nr) ? -1 : static_cast<i32>(call.nr);
        return fail(Errno::restart);
    }
    return static_cast<u64>(result);
}

// Nothing has happened to the thread during its call, and nothing is left of that: nearly always so. What another CPU
// has for it comes with an interrupt, which waits until the thread is back, or came in between and asks for attention.
bool is_undisturbed(const Task& task) NO_THREAD_SAFETY // a hint, as signal_pending() is
{
    const u64 signals =
        (task.signals.pending.set() | task.owner->pending.set()) & (~task.signals.mask | unblockable);
    return signals == 0 && !this_cpu().need_resched && !task.attention;
}

[[gnu::always_inline]] inline SyscallResult finish(Task& task, const Call& call, const Result<i64>& result)
{
    if (result && *result >= 0) [[likely]]
        return static_cast<u64>(*result);
    return result ? linux_error(task, call, *result) : fail(result.error());
}

constexpr u64 error_result(Errno e)
{
    return static_cast<u64>(-static_cast<i64>(e));
}

[[gnu::noinline]] unsigned long attend_call(Task& task, arch::TrapFrame& frame, u64 rip, u32 nr)
{
    constexpr u32 nr_rt_sigreturn = 15;
    attend(task, frame, static_cast<i32>(nr));
    return frame.rip != rip || nr == nr_rt_sigreturn ? 1 : 0;
}

// 1: registers are others than a SYSRET leaves them.
[[gnu::always_inline]] inline unsigned long leave(Task& task, arch::TrapFrame& frame, u64 rip, u32 nr,
                                                  SyscallResult result)
{
    // For a program an error is -errno.
    if (result) [[likely]] {
        frame.rax = *result;
    } else {
        frame.rax = error_result(result.error());
        task.attention |= result.error() == Errno::restart;
    }
    if (is_undisturbed(task)) [[likely]]
        return 0;
    return attend_call(task, frame, rip, nr);
}

// Of a task that stops at its calls, or goes by single steps. It goes back as from an interrupt.
[[noreturn]] void make_traced_call(Task& task, arch::TrapFrame& frame)
{
    constexpr i32 no_call = -1;
    if (task.tracee == nullptr) { // its tracer has gone: this is the last
        task.num_calls = max_calls;
        choose_offload_way(task);
    }
    i32 nr = static_cast<i32>(frame.rax);
    frame.rax = error_result(Errno::nosys);
    trace::enter_call(task, frame, nr);
    frame.vector = static_cast<u64>(nr);
    if (nr != no_call) {
        const u32 known = min<u32>(static_cast<u32>(nr), max_calls);
        const Row& row = table[known];
        this_cpu().counters->syscalls_local += row.is_local;
        const SyscallResult result = row.handler(task, {known, Arguments(frame), frame});
        frame.rax = result ? *result : error_result(result.error());
    }
    // As Linux shows a call that goes on with what is left of its time.
    const u64 restart = error_result(Errno::restart), goes_on = static_cast<u64>(-516);
    if (frame.rax == restart && task.resume.again != nullptr)
        frame.rax = goes_on;
    trace::leave_call(task, frame, nr);
    frame.rax = frame.rax == goes_on ? restart : frame.rax;
    attend(task, frame, nr);
    arch::still_enter_user(&frame);
}

// A traced task makes none that it does not stop at.
SyscallResult other_call(Task& task, const Call& call)
{
    if (task.num_calls == 0 && call.frame.vector == call.frame.rax)
        make_traced_call(task, call.frame);
    return fail(Errno::nosys);
}

} // namespace

SyscallResult offload_unchanged(Task& task, const Call& call)
{
    const arch::TrapFrame& f = call.frame;
    return finish(task, call, offload_inline(task, call.nr, f.rdi, f.rsi, f.rdx, f.r10, f.r8, f.r9));
}

SyscallResult offload_credentials(Task& task, const Call& call)
{
    const SyscallResult result = offload_unchanged(task, call);
    if (result) {
        credentials_change();
        end_spare_proxies(*task.owner); // they have the rights of before
    }
    return result;
}

} // namespace still

// Which calls go to Linux unchanged, with nothing to do afterwards: for arch/x86_64/cpu/entry.S.
extern "C" {
extern const std::array<still::u8, still::table_size> still_quick_calls;
constinit const std::array<still::u8, still::table_size> still_quick_calls = still::make_quick_calls();
}

extern "C" unsigned long still_syscall(still::arch::TrapFrame* frame)
{
    using namespace still;
    const Cpu& c = this_cpu();
    Task& task = static_cast<Task&>(*c.current);
    const u32 nr = static_cast<u32>(frame->rax < task.num_calls ? frame->rax : max_calls);
    const u64 rip = frame->rip; // sigreturn writes another
    const Row& row = table[nr];
    c.counters->syscalls_local += row.is_local;
    task.restart_nr = -1; // a call before may have left its own, having ended well
    return leave(task, *frame, rip, nr, row.handler(task, {nr, Arguments(*frame), *frame}));
}

// The entry has posted the call on the task's slot, and its answer has not come or needs a second look.
extern "C" unsigned long still_syscall_posted(still::arch::TrapFrame* frame)
{
    using namespace still;
    Task& task = current_task();
    const u32 nr = static_cast<u32>(frame->rax);
    task.restart_nr = -1;
    task.slot.posted(this_cpu().arch.posted_seq);
    const Call call{nr, Arguments(*frame), *frame};
    return leave(task, *frame, frame->rip, nr, finish(task, call, await_answer(task)));
}
