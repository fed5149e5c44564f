// SPDX-License-Identifier: BSD-2-Clause
// Threads: exit, execve, affinity, who am I.
#include <arch/cpu.hpp>
#include <arch/layout.hpp>
#include <exec/fork.hpp>
#include <exec/trace.hpp>
#include <exec/user_memory.hpp>
#include <syscall/dispatch.hpp>

namespace still {

SyscallResult sys_exit(Task& task, const Call& call)
{
    if (task.tracee != nullptr)
        trace::stop_before_end(task, call.frame, (call.arg[0] & 0xff) << 8);
    exit_task(task, call.arg[0] & 0xff);
}

SyscallResult sys_exit_group(Task& task, const Call& call)
{
    if (task.tracee != nullptr)
        trace::stop_before_end(task, call.frame, (call.arg[0] & 0xff) << 8);
    exit_process(task, call.arg[0] & 0xff);
}

namespace {

// The n-th signal that waits, the thread's first. Linux forgets those of timers at an execve, as it does the timers.
bool pending_signal(Task& task, u32 n, still_pending_signal& pending)
{
    Process& p = *task.owner;
    SignalInfo info;
    LockGuard guard(p.lock);
    for (const SignalQueue* queue : {&task.signals.pending, &p.pending}) {
        for (u32 i = 0; queue->look(i, info); ++i) {
            if (info.code == si_timer || n-- != 0)
                continue;
            pending.to_thread = queue == &p.pending ? 0 : 1;
            static_assert(sizeof(pending.info) == sizeof(info));
            __builtin_memcpy(pending.info, &info, sizeof(info));
            return true;
        }
    }
    return false;
}

// Writes what waits where it is in nobody's way, below the stack pointer. 0: nothing waits, or there is no room.
u64 list_pending(Task& task, const arch::TrapFrame& frame)
{
    constexpr u32 most = 128;
    constexpr u64 red_zone = 128;
    still_pending_signal pending{};
    u32 count = 0;
    while (count < most && pending_signal(task, count, pending))
        ++count;
    const u64 list = (frame.rsp - red_zone - (count + 1) * sizeof(pending)) & ~15ull;
    const AltStack& alt = task.signals.alt;
    if (count == 0 || (alt.in_use(frame.rsp) && list < alt.sp))
        return 0;
    for (u32 i = 0; i <= count; ++i) {
        if (i == count || !pending_signal(task, i, pending))
            pending = {};
        if (!UserOut<still_pending_signal>(list + i * sizeof(pending)).write(pending))
            return 0;
    }
    return list;
}

// The CPUs that a thread may use now. false: it may use all, also those that are yet to come.
bool bound_to(const Thread& t, CpuMask& cpus)
{
    __builtin_memcpy(cpus, t.affinity, sizeof(cpus));
    bool bound = false;
    for (const u64 word : cpus)
        bound |= ~word != 0;
    if (!keep_present(cpus)) { // those have gone: at its next switch it may use all
        __builtin_memset(cpus, 0xff, sizeof(cpus));
        (void)keep_present(cpus);
    }
    return bound;
}

// The proxy executes mcexec anew; with it the device's file is closed and this process killed.
SyscallResult execute(Task& task, const Call& call, u64 directory, u64 path, u64 argv, u64 envp, u64 flags)
{
    Process& p = *task.owner;
    u64 ignored = 0;
    u64 mask = 0;
    {
        LockGuard guard(p.lock);
        for (u32 signo = 1; signo <= num_signals; ++signo)
            ignored |= p.actions.of[signo - 1].handler == 1 ? signal_bit(signo) : 0;
        mask = task.signals.mask;
    }
    static_assert(STILL_MAX_CPUS == 256, "the affinity is four words");
    CpuMask cpus;
    if (!bound_to(task, cpus))
        __builtin_memset(cpus, 0, sizeof(cpus)); // to none: CPUs that come later are the new program's, too
    (void)TRY(offload(task, STILL_CALL_EXEC_STATE, ignored, mask, cpus[0], cpus[1], cpus[2], cpus[3]));
    // Signals wait in Linux from now on. One that came here before would be lost: it is taken first.
    if (signal_pending(task)) {
        (void)offload_quickly(task, STILL_CALL_IDENTIFY);
        task.restart_nr = static_cast<i32>(call.nr);
        task.restart_always = true;
        return fail(Errno::restart);
    }
    p.executes.store(true);
    const auto result = offload_quickly(task, STILL_CALL_EXEC, path, argv, envp, directory, flags,
                                        list_pending(task, call.frame));
    if (result) // else its success, or another's, has killed the process
        p.executes.store(false);
    return static_cast<u64>(TRY(result));
}

constexpr u64 at_fdcwd = static_cast<u64>(-100);

} // namespace

SyscallResult sys_execve(Task& task, const Call& call)
{
    return execute(task, call, at_fdcwd, call.arg[0], call.arg[1], call.arg[2], 0);
}

SyscallResult sys_execveat(Task& task, const Call& call)
{
    return execute(task, call, call.arg[0], call.arg[1], call.arg[2], call.arg[3], call.arg[4]);
}

SyscallResult sys_getpid(Task& task, const Call&)
{
    return task.owner->pid;
}

SyscallResult sys_gettid(Task& task, const Call&)
{
    return task.tid;
}

SyscallResult sys_set_tid_address(Task& task, const Call& call)
{
    task.clear_tid = call.arg[0];
    return task.tid;
}

SyscallResult sys_sched_yield(Task&, const Call&)
{
    arch::interrupt_window();
    if (!yield())
        cpu_pause(); // it polls: for another CPU, which may be the other half of this core
    return 0;
}

SyscallResult sys_sched_setaffinity(Task& task, const Call& call)
{
    CpuMask mask = {}, present;
    TRY_STATUS(copy_from_user(mask, call.arg[2], min<u64>(call.arg[1], sizeof(mask))));
    const HeldTask target(task, call.arg[0]);
    if (!target)
        return fail(Errno::srch);
    // CPUs that are not there may come; then they are meant, too.
    for (u32 i = 0; i < STILL_MAX_CPUS / 64; ++i)
        mask[i] &= task.owner->page->cpu_mask[i];
    __builtin_memcpy(present, mask, sizeof(present));
    if (!keep_present(present))
        return fail(Errno::inval);
    __builtin_memcpy(target->affinity, mask, sizeof(mask));
    if (&*target == &task)
        obey_affinity();
    else
        kick(*target); // it moves at its next way back to user mode
    return 0;
}

SyscallResult sys_sched_getaffinity(Task& task, const Call& call)
{
    if (call.arg[1] < (num_cpus() + 7) / 8 || (call.arg[1] & 7) != 0)
        return fail(Errno::inval);
    const HeldTask target(task, call.arg[0]);
    if (!target)
        return fail(Errno::srch);
    const u64 bytes = min<u64>(call.arg[1], (num_cpus() + 63) / 64 * 8);
    CpuMask cpus;
    (void)bound_to(*target, cpus);
    TRY_STATUS(copy_to_user(call.arg[2], cpus, bytes));
    return bytes;
}

SyscallResult sys_getcpu(Task&, const Call& call)
{
    const arch::CpuLocal& c = this_cpu().arch;
    if (call.arg[0] != 0)
        TRY_STATUS(UserOut<u32>(call.arg[0]).write(c.id.value));
    if (call.arg[1] != 0)
        TRY_STATUS(UserOut<u32>(call.arg[1]).write(c.node.value));
    return 0;
}

SyscallResult sys_arch_prctl(Task&, const Call& call)
{
    constexpr u64 set_gs = 0x1001, set_fs = 0x1002, get_fs = 0x1003, get_gs = 0x1004;
    arch::UserSegments s;
    arch::save_segments(s);
    switch (call.arg[0]) {
    case set_fs:
    case set_gs:
        if (call.arg[1] >= arch::user_limit)
            return fail(Errno::perm);
        (call.arg[0] == set_fs ? s.fs_base : s.gs_base) = call.arg[1];
        arch::load_segments(s);
        return 0;
    case get_fs:
        TRY_STATUS(UserOut<u64>(call.arg[1]).write(s.fs_base));
        return 0;
    case get_gs:
        TRY_STATUS(UserOut<u64>(call.arg[1]).write(s.gs_base));
        return 0;
    default:
        return fail(Errno::inval); // CET and the like are not there
    }
}

} // namespace still
