// SPDX-License-Identifier: BSD-2-Clause
// Threads: clone(2), exit, affinity, who am I.
#include <arch/cpu.hpp>
#include <arch/layout.hpp>
#include <exec/fork.hpp>
#include <exec/user_memory.hpp>
#include <syscall/dispatch.hpp>

namespace still {

namespace {

constexpr u64 clone_vm = 0x100, clone_fs = 0x200, clone_files = 0x400, clone_sighand = 0x800,
              clone_pidfd = 0x1000, clone_ptrace = 0x2000, clone_vfork = 0x4000, clone_parent = 0x8000,
              clone_thread = 0x10000, clone_sysvsem = 0x40000, clone_settls = 0x80000,
              clone_parent_settid = 0x100000, clone_child_cleartid = 0x200000, clone_detached = 0x400000,
              clone_untraced = 0x800000, clone_child_settid = 0x1000000, clone_io = 0x80000000,
              clone_clear_sighand = 0x100000000;
constexpr u64 csignal = 0xff;
constexpr u64 thread_flags = clone_vm | clone_fs | clone_files | clone_sighand | clone_thread;
constexpr u64 known_flags = thread_flags | clone_sysvsem | clone_settls | clone_parent_settid |
                            clone_child_cleartid | clone_detached | clone_child_settid;
// What the proxy passes on to Linux when it makes a process.
constexpr u64 proxy_flags =
    clone_vm | clone_fs | clone_vfork | clone_parent | clone_sysvsem | clone_io | csignal;
constexpr u64 process_flags = proxy_flags | clone_files | clone_pidfd | clone_ptrace | clone_untraced |
                              clone_settls | clone_parent_settid | clone_child_cleartid | clone_detached |
                              clone_child_settid | clone_clear_sighand;

struct CloneArgs {
    u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size,
        cgroup;
};

CloneRequest to_request(const Call& call, const CloneArgs& args)
{
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
    request.clear_handlers = (args.flags & clone_clear_sighand) != 0;
    return request;
}

// Linux's own descriptor for the child, which is its proxy.
SyscallResult write_pidfd(Task& task, u32 pid, u64 address)
{
    constexpr u32 nr_pidfd_open = 434;
    const i64 fd = TRY(offload(task, nr_pidfd_open, pid));
    if (fd < 0)
        return fail(static_cast<Errno>(-fd));
    TRY_STATUS(UserOut<i32>(address).write(static_cast<i32>(fd)));
    return pid;
}

SyscallResult make_process(Task& task, const Call& call, const CloneArgs& args)
{
    const bool shares_memory = (args.flags & clone_vm) != 0;
    const bool waits = (args.flags & clone_vfork) != 0;
    // Two processes that run at once in one memory, or with one table of descriptors: docs/limits.md.
    if ((args.flags & ~process_flags) != 0 || (shares_memory && !waits) ||
        (!shares_memory && (args.flags & clone_files) != 0))
        return fail(Errno::nosys);
    const u64 flags =
        (args.flags & proxy_flags) | args.exit_signal | (shares_memory ? args.flags & clone_files : 0);
    const CloneRequest request = to_request(call, args);
    const u32 pid = TRY(shares_memory ? vfork_task(task, request, flags) : fork_task(task, request, flags));
    if (request.parent_tid != 0)
        TRY_STATUS(UserOut<u32>(request.parent_tid).write(pid));
    if ((args.flags & clone_pidfd) != 0)
        return write_pidfd(task, pid, args.pidfd);
    return pid;
}

// In the order in which Linux's copy_process() looks.
Status check_flags(const CloneArgs& args)
{
    const u64 f = args.flags;
    if (((f & clone_thread) != 0 && (f & clone_sighand) == 0) ||
        ((f & clone_sighand) != 0 && (f & clone_vm) == 0) ||
        (f & (clone_sighand | clone_clear_sighand)) == (clone_sighand | clone_clear_sighand) ||
        ((f & clone_pidfd) != 0 && (f & (clone_detached | clone_thread)) != 0) ||
        (args.exit_signal > num_signals))
        return fail(Errno::inval);
    if ((f & clone_settls) != 0 && args.tls >= arch::user_limit)
        return fail(Errno::perm);
    return {};
}

SyscallResult make_task_or_process(Task& task, const Call& call, const CloneArgs& args)
{
    TRY_STATUS(check_flags(args));
    if ((args.flags & clone_thread) == 0)
        return make_process(task, call, args);
    if ((args.flags & thread_flags) != thread_flags || (args.flags & ~known_flags) != 0)
        return fail(Errno::nosys);
    return TRY(clone_task(task, to_request(call, args)));
}

} // namespace

SyscallResult sys_clone(Task& task, const Call& call)
{
    CloneArgs args{};
    args.flags = call.arg[0] & ~0xffull;
    args.exit_signal = call.arg[0] & 0xff;
    args.stack = call.arg[1];
    args.parent_tid = args.pidfd = call.arg[2];
    args.child_tid = call.arg[3];
    args.tls = call.arg[4];
    if ((args.flags & (clone_pidfd | clone_parent_settid)) == (clone_pidfd | clone_parent_settid))
        return fail(Errno::inval); // both would be written to the same place
    return make_task_or_process(task, call, args);
}

SyscallResult sys_fork(Task& task, const Call& call)
{
    CloneArgs args{};
    args.exit_signal = sig_chld;
    return make_process(task, call, args);
}

SyscallResult sys_vfork(Task& task, const Call& call)
{
    CloneArgs args{};
    args.flags = clone_vm | clone_vfork;
    args.exit_signal = sig_chld;
    return make_process(task, call, args);
}

SyscallResult sys_clone3(Task& task, const Call& call)
{
    if (call.arg[1] < 64 || call.arg[1] > 4096)
        return fail(Errno::inval);
    CloneArgs args{};
    TRY_STATUS(copy_from_user(&args, call.arg[0], min<u64>(call.arg[1], sizeof(args))));
    if (args.set_tid_size != 0 || (args.stack == 0) != (args.stack_size == 0))
        return fail(Errno::inval);
    if ((args.flags & (csignal | clone_detached)) != 0 ||
        ((args.flags & (clone_thread | clone_parent)) != 0 && args.exit_signal != 0))
        return fail(Errno::inval);
    return make_task_or_process(task, call, args);
}

SyscallResult sys_exit(Task& task, const Call& call)
{
    exit_task(task, call.arg[0] & 0xff);
}

SyscallResult sys_exit_group(Task& task, const Call& call)
{
    exit_process(task, call.arg[0] & 0xff);
}

namespace {

// The proxy executes mcexec anew; with it the device's file is closed and this process killed.
SyscallResult execute(Task& task, u32 nr, u64 directory, u64 path, u64 argv, u64 envp, u64 flags)
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
    (void)TRY(offload(task, STILL_CALL_EXEC_STATE, ignored, mask, task.affinity[0], task.affinity[1],
                      task.affinity[2], task.affinity[3]));
    // Signals wait in Linux from now on. One that came here before would be lost: it is taken first.
    if (signal_pending(task)) {
        (void)offload_quickly(task, STILL_CALL_IDENTIFY);
        task.restart_nr = static_cast<i32>(nr);
        task.restart_always = true;
        return fail(Errno::restart);
    }
    u64 pending = task.signals.pending.set();
    {
        LockGuard guard(p.lock);
        pending |= p.pending.set();
    }
    return static_cast<u64>(
        TRY(offload_quickly(task, STILL_CALL_EXEC, path, argv, envp, directory, flags, pending)));
}

constexpr u64 at_fdcwd = static_cast<u64>(-100);

} // namespace

SyscallResult sys_execve(Task& task, const Call& call)
{
    return execute(task, call.nr, at_fdcwd, call.arg[0], call.arg[1], call.arg[2], 0);
}

SyscallResult sys_execveat(Task& task, const Call& call)
{
    return execute(task, call.nr, call.arg[0], call.arg[1], call.arg[2], call.arg[3], call.arg[4]);
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
