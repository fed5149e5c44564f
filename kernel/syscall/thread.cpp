// SPDX-License-Identifier: BSD-2-Clause
// Threads: clone(2), exit, affinity, who am I.
#include <arch/cpu.hpp>
#include <arch/layout.hpp>
#include <exec/user_memory.hpp>
#include <syscall/dispatch.hpp>

namespace still {

namespace {

constexpr u64 clone_vm = 0x100, clone_fs = 0x200, clone_files = 0x400, clone_sighand = 0x800,
              clone_thread = 0x10000, clone_sysvsem = 0x40000, clone_settls = 0x80000,
              clone_parent_settid = 0x100000, clone_child_cleartid = 0x200000, clone_detached = 0x400000,
              clone_child_settid = 0x1000000;
constexpr u64 thread_flags = clone_vm | clone_fs | clone_files | clone_sighand | clone_thread;
constexpr u64 known_flags = thread_flags | clone_sysvsem | clone_settls | clone_parent_settid |
                            clone_child_cleartid | clone_detached | clone_child_settid;

struct CloneArgs {
    u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size,
        cgroup;
};

SyscallResult make_thread(Task& task, const Call& call, const CloneArgs& args)
{
    if ((args.flags & thread_flags) != thread_flags || (args.flags & ~known_flags) != 0)
        return fail(Errno::nosys); // processes: docs/limits.md
    if ((args.flags & clone_settls) != 0 && args.tls >= arch::user_limit)
        return fail(Errno::perm);
    CloneRequest request;
    request.frame = call.frame;
    if (args.stack != 0)
        request.frame.rsp = args.stack + args.stack_size;
    request.set_fs = (args.flags & clone_settls) != 0;
    request.fs_base = args.tls;
    if ((args.flags & clone_parent_settid) != 0)
        request.parent_tid = args.parent_tid;
    if ((args.flags & clone_child_settid) != 0)
        request.child_tid_set = args.child_tid;
    if ((args.flags & clone_child_cleartid) != 0)
        request.child_tid_clear = args.child_tid;
    return TRY(clone_task(task, request));
}

} // namespace

SyscallResult sys_clone(Task& task, const Call& call)
{
    CloneArgs args{};
    args.flags = call.arg[0] & ~0xffull;
    args.exit_signal = call.arg[0] & 0xff;
    args.stack = call.arg[1];
    args.parent_tid = call.arg[2];
    args.child_tid = call.arg[3];
    args.tls = call.arg[4];
    return make_thread(task, call, args);
}

SyscallResult sys_clone3(Task& task, const Call& call)
{
    if (call.arg[1] < 64 || call.arg[1] > 4096)
        return fail(Errno::inval);
    CloneArgs args{};
    TRY_STATUS(copy_from_user(&args, call.arg[0], min<u64>(call.arg[1], sizeof(args))));
    if (args.set_tid_size != 0 || (args.stack == 0) != (args.stack_size == 0))
        return fail(Errno::inval);
    return make_thread(task, call, args);
}

SyscallResult sys_exit(Task& task, const Call& call)
{
    exit_task(task, call.arg[0] & 0xff);
}

SyscallResult sys_exit_group(Task& task, const Call& call)
{
    exit_process(task, call.arg[0] & 0xff);
}

SyscallResult sys_execve(Task& task, const Call& call)
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
    // The proxy executes mcexec anew; with it the device's file is closed and this process killed.
    const i64 result = TRY(offload(task, STILL_CALL_EXEC, call.arg[0], call.arg[1], call.arg[2], ignored,
                                   mask, task.affinity[0]));
    return static_cast<u64>(result);
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
    yield();
    return 0;
}

namespace {

Result<Task*> task_for(Task& task, u64 pid)
{
    if (pid == 0 || pid == task.tid)
        return &task;
    LockGuard guard(task.owner->lock);
    Task* found = find_task(*task.owner, static_cast<u32>(pid));
    if (found == nullptr)
        return fail(Errno::srch);
    return found;
}

} // namespace

SyscallResult sys_sched_setaffinity(Task& task, const Call& call)
{
    u64 mask[STILL_MAX_CPUS / 64] = {};
    TRY_STATUS(copy_from_user(mask, call.arg[2], min<u64>(call.arg[1], sizeof(mask))));
    Task* target = TRY(task_for(task, call.arg[0]));
    const auto& allowed = task.owner->page->cpu_mask;
    u64 any = 0;
    for (u32 i = 0; i < STILL_MAX_CPUS / 64; ++i) {
        const u32 first = i * 64;
        const u64 existing = num_cpus() <= first        ? 0
                             : num_cpus() - first >= 64 ? ~0ull
                                                        : (1ull << (num_cpus() - first)) - 1;
        mask[i] &= existing & allowed[i];
        any |= mask[i];
    }
    if (any == 0)
        return fail(Errno::inval);
    __builtin_memcpy(target->affinity, mask, sizeof(mask));
    if (target == &task)
        obey_affinity();
    else
        kick(*target); // it moves at its next way back to user mode
    return 0;
}

SyscallResult sys_sched_getaffinity(Task& task, const Call& call)
{
    if (call.arg[1] < (num_cpus() + 7) / 8 || (call.arg[1] & 7) != 0)
        return fail(Errno::inval);
    Task* target = TRY(task_for(task, call.arg[0]));
    const u64 bytes = min<u64>(call.arg[1], (num_cpus() + 63) / 64 * 8);
    TRY_STATUS(copy_to_user(call.arg[2], target->affinity, bytes));
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
