// SPDX-License-Identifier: BSD-2-Clause
// clone(2) and clone3(2), fork(2), vfork(2), unshare(2): what may be asked for, as Linux 6.1 checks it.
#include <arch/layout.hpp>
#include <exec/fork.hpp>
#include <exec/trace.hpp>
#include <exec/user_memory.hpp>
#include <offload/ikc.hpp>
#include <syscall/dispatch.hpp>
#include <syscall/memory.hpp>

namespace still {

namespace {

constexpr u64 clone_newtime = 0x80, clone_vm = 0x100, clone_fs = 0x200, clone_files = 0x400,
              clone_sighand = 0x800, clone_pidfd = 0x1000, clone_ptrace = 0x2000, clone_vfork = 0x4000,
              clone_parent = 0x8000, clone_thread = 0x10000, clone_newns = 0x20000, clone_sysvsem = 0x40000,
              clone_settls = 0x80000, clone_parent_settid = 0x100000, clone_child_cleartid = 0x200000,
              clone_detached = 0x400000, clone_untraced = 0x800000, clone_child_settid = 0x1000000,
              clone_newcgroup = 0x2000000, clone_newuts = 0x4000000, clone_newipc = 0x8000000,
              clone_newuser = 0x10000000, clone_newpid = 0x20000000, clone_newnet = 0x40000000,
              clone_io = 0x80000000, clone_clear_sighand = 0x100000000, clone_into_cgroup = 0x200000000;
constexpr u64 csignal = 0xff, legacy_flags = 0xffffffff;
// What a thread must share here; what it may have of its own, Linux does for its proxy thread.
constexpr u64 thread_flags = clone_vm | clone_files | clone_sighand | clone_thread;
constexpr u64 own_of_thread = clone_fs | clone_sysvsem;
// Those of a thread, too, that mean nothing here, or on Linux: its parent is the process's.
constexpr u64 known_flags = thread_flags | own_of_thread | clone_settls | clone_parent_settid |
                            clone_child_cleartid | clone_detached | clone_child_settid | clone_ptrace |
                            clone_untraced | clone_parent | clone_io;
// Where processes and their numbers live (clone_newpid) and what time it is there the LWK would have to know.
constexpr u64 namespace_flags =
    clone_newns | clone_newcgroup | clone_newuts | clone_newipc | clone_newuser | clone_newnet;
// What the proxy passes on to Linux when it makes a process.
constexpr u64 proxy_flags =
    clone_vm | clone_fs | clone_vfork | clone_parent | clone_sysvsem | clone_io | csignal | namespace_flags;
constexpr u64 process_flags = proxy_flags | clone_files | clone_pidfd | clone_ptrace | clone_untraced |
                              clone_settls | clone_parent_settid | clone_child_cleartid | clone_detached |
                              clone_child_settid | clone_clear_sighand;

struct CloneArgs {
    u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size,
        cgroup;
};
constexpr u64 first_clone_args = 64, cgroup_clone_args = 88;
static_assert(sizeof(CloneArgs) == cgroup_clone_args);

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
    request.own = own_of_thread & ~args.flags;
    if ((args.flags & clone_untraced) == 0)
        request.event = (args.flags & clone_vfork) != 0 ? trace::event_vfork
                        : args.exit_signal != sig_chld  ? trace::event_clone
                                                        : trace::event_fork;
    request.is_sibling = (args.flags & clone_parent) != 0;
    request.is_traced = (args.flags & clone_ptrace) != 0;
    return request;
}

// Linux's own descriptor for the child, which is its proxy.
SyscallResult write_pidfd(Task& task, u32 pid, u64 address)
{
    constexpr u32 nr_pidfd_open = 434;
    const i64 fd = TRY(offload_quickly(task, nr_pidfd_open, pid));
    if (fd < 0)
        return fail(static_cast<Errno>(-fd));
    TRY_STATUS(UserOut<i32>(address).write(static_cast<i32>(fd)));
    return pid;
}

// mcexec's hidden descriptor has one number for all who share its memory. A guest can't have guests that outlive it.
bool may_run_beside(const Task& task, bool shares_files)
{
    return shares_files && task.owner->host == nullptr && !ikc::is_served_locally();
}

SyscallResult make_process(Task& task, const Call& call, const CloneArgs& args)
{
    const bool shares_memory = (args.flags & clone_vm) != 0;
    const bool waits = (args.flags & clone_vfork) != 0;
    const bool shares_files = (args.flags & clone_files) != 0;
    // Two processes that run at once in one memory with two tables of descriptors, or the reverse: docs/limits.md.
    if ((args.flags & ~process_flags) != 0 ||
        (shares_memory && !waits && !may_run_beside(task, shares_files)) || (!shares_memory && shares_files))
        return fail(Errno::nosys);
    // Before there is a child: a place that can't be written is the parent's mistake.
    if ((args.flags & clone_pidfd) != 0)
        TRY_STATUS(UserOut<i32>(args.pidfd).write(TRY(UserIn<i32>(args.pidfd).read())));
    const u64 flags =
        (args.flags & proxy_flags) | args.exit_signal | (shares_memory ? args.flags & clone_files : 0);
    const CloneRequest request = to_request(call, args);
    const u32 pid = TRY(!shares_memory ? fork_task(task, request, flags)
                        : waits        ? vfork_task(task, request, flags)
                                       : clone_beside(task, request, flags));
    if (request.parent_tid != 0)
        (void)UserOut<u32>(request.parent_tid).write(pid); // as Linux: the child is there
    const SyscallResult result =
        (args.flags & clone_pidfd) != 0 ? write_pidfd(task, pid, args.pidfd) : SyscallResult(pid);
    if (task.tracee != nullptr)
        trace::stop_for_child(task, call.frame, request.event, pid,
                              result ? *result : static_cast<u64>(-static_cast<i64>(result.error())));
    return result;
}

// In the order in which Linux's kernel_clone() and copy_process() look.
Status check_flags(const CloneArgs& args)
{
    const u64 f = args.flags;
    const auto both = [f](u64 flags) { return (f & flags) == flags; };
    if (both(clone_pidfd | clone_parent_settid) && args.pidfd == args.parent_tid)
        return fail(Errno::inval);
    if (both(clone_newns | clone_fs) || both(clone_newuser | clone_fs) ||
        ((f & clone_thread) != 0 && (f & clone_sighand) == 0) ||
        ((f & clone_sighand) != 0 && (f & clone_vm) == 0) ||
        ((f & clone_thread) != 0 && (f & (clone_newuser | clone_newpid)) != 0) ||
        ((f & clone_pidfd) != 0 && (f & (clone_detached | clone_thread)) != 0) ||
        both(clone_newipc | clone_sysvsem))
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
    const CloneRequest request = to_request(call, args);
    const u32 tid = TRY(clone_task(task, request));
    if (task.tracee != nullptr)
        trace::stop_for_child(task, call.frame, request.event, tid, tid);
    return tid;
}

bool is_zero(u64 address, u64 bytes, Status& read)
{
    u8 part[64];
    for (u64 n = 0; bytes != 0; address += n, bytes -= n) {
        n = min<u64>(bytes, sizeof(part));
        read = copy_from_user(part, address, n);
        for (u64 i = 0; read && i < n; ++i)
            if (part[i] != 0)
                return false;
        if (!read)
            return true;
    }
    return true;
}

// As Linux's copy_clone_args_from_user(): what a later Linux may have added must be zero.
Status read_clone_args(u64 address, u64 size, CloneArgs& args)
{
    constexpr u64 max_set_tid = 32;
    if (size > page_size)
        return fail(Errno::toobig);
    if (size < first_clone_args)
        return fail(Errno::inval);
    const u64 known = min<u64>(size, sizeof(args));
    Status read{};
    if (!is_zero(address + known, size - known, read))
        return fail(Errno::toobig);
    TRY_STATUS(read);
    TRY_STATUS(copy_from_user(&args, address, known));
    if (args.set_tid_size > max_set_tid || (args.set_tid == 0) != (args.set_tid_size == 0) ||
        args.exit_signal > num_signals)
        return fail(Errno::inval);
    if ((args.flags & clone_into_cgroup) != 0 && (args.cgroup > 0x7fffffff || size < cgroup_clone_args))
        return fail(Errno::inval);
    i32 numbers[max_set_tid];
    return copy_from_user(numbers, args.set_tid, args.set_tid_size * sizeof(i32));
}

bool is_valid_clone3(const CloneArgs& args)
{
    const u64 f = args.flags;
    if ((f & ~(legacy_flags | clone_clear_sighand | clone_into_cgroup)) != 0 ||
        (f & (clone_detached | (csignal & ~clone_newtime))) != 0 ||
        (f & (clone_sighand | clone_clear_sighand)) == (clone_sighand | clone_clear_sighand) ||
        ((f & (clone_thread | clone_parent)) != 0 && args.exit_signal != 0))
        return false;
    if (args.stack == 0 || args.stack_size == 0)
        return args.stack == args.stack_size;
    return args.stack < task_size && args.stack_size <= task_size - args.stack;
}

} // namespace

SyscallResult sys_clone(Task& task, const Call& call)
{
    CloneArgs args{};
    args.flags = call.arg[0] & legacy_flags & ~csignal;
    args.exit_signal = call.arg[0] & csignal;
    args.stack = call.arg[1];
    args.parent_tid = args.pidfd = call.arg[2];
    args.child_tid = call.arg[3];
    args.tls = call.arg[4];
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
    CloneArgs args{};
    TRY_STATUS(read_clone_args(call.arg[0], call.arg[1], args));
    if (!is_valid_clone3(args))
        return fail(Errno::inval);
    // Refused by make_task_or_process() only where it would do something else than was asked for.
    if (args.set_tid_size != 0) {
        TRY_STATUS(check_flags(args));
        return fail(Errno::perm); // without CAP_CHECKPOINT_RESTORE: docs/limits.md
    }
    return make_task_or_process(task, call, args);
}

namespace {

constexpr u64 may_unshare =
    clone_fs | clone_sysvsem | clone_vm | clone_sighand | clone_thread | namespace_flags;

} // namespace

// What a thread has of its own Linux keeps for its proxy thread, of which there is one for each.
SyscallResult sys_unshare(Task& task, const Call& call)
{
    const u64 flags = call.arg[0];
    if ((flags & ~(may_unshare | clone_files | clone_newpid | clone_newtime)) != 0)
        return fail(Errno::inval);
    bool alone;
    {
        LockGuard guard(task.owner->lock);
        alone = task.owner->num_tasks == 1 && task.owner->guests == nullptr;
    }
    if ((flags & (clone_newpid | clone_newtime)) != 0 || ((flags & clone_files) != 0 && !alone))
        return fail(Errno::nosys); // docs/limits.md
    return offload_credentials(task, call);
}

} // namespace still
