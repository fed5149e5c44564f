// SPDX-License-Identifier: BSD-2-Clause
// Limits and attributes of the process.
#include <exec/timers.hpp>
#include <exec/user_memory.hpp>
#include <stillcore/peers.h>
#include <syscall/dispatch.hpp>

namespace still {

namespace {

constexpr u32 rlimit_cpu = 0, rlimit_sigpending = 11;
constexpr u32 rlimit_data = 2, rlimit_stack = 3, rlimit_memlock = 8, rlimit_as = 9;

// Limits on memory and CPU time live here: they are about the LWK's, and must not bind the proxy.
still_limit* local_limit(Process& p, u64 resource)
{
    switch (resource) {
    case rlimit_data:
        return &p.space.limit_data;
    case rlimit_stack:
        return &p.limit_stack;
    case rlimit_memlock:
        return &p.limit_memlock;
    case rlimit_as:
        return &p.space.limit_as;
    case rlimit_cpu:
        return &p.limit_cpu;
    default:
        return nullptr;
    }
}

// Linux alone knows what the thread may do (capabilities(7)).
bool is_capable(Task& task, u64 capability)
{
    const auto answer = offload(task, STILL_CALL_CAPABLE, capability);
    return answer && *answer == 1;
}

constexpr u64 cap_sys_resource = 24;

template <class MayRaise>
Status set_limit(Process& p, still_limit& limit, const still_limit& wanted, MayRaise&& may_raise)
{
    if (wanted.soft > wanted.hard)
        return fail(Errno::inval);
    if (wanted.hard > limit.hard && !may_raise())
        return fail(Errno::perm);
    limit = wanted;
    return &limit == &p.limit_cpu ? watch_cpu_limit(p) : Status{};
}

Status set_own_limit(Task& task, still_limit& limit, const still_limit& wanted)
{
    return set_limit(*task.owner, limit, wanted, [&] { return is_capable(task, cap_sys_resource); });
}

// Linux keeps this one, for children and /proc; the LWK goes by it.
SyscallResult offload_limit(Task& task, const Call& call, u64 resource, u64 wanted)
{
    const SyscallResult result = offload_unchanged(task, call);
    if (result && *result == 0 && wanted != 0 && resource == rlimit_sigpending)
        task.owner->limit_sigpending = TRY(UserIn<still_limit>(wanted).read());
    return result;
}

bool is_here(const Task& task, u64 pid)
{
    return static_cast<bool>(HeldProcess(static_cast<u32>(pid), *task.owner));
}

// Reads and changes the limit of another process, which is held meanwhile: nothing in here waits for Linux.
Result<still_limit> exchange_limit(const Task& task, const Call& call, const still_limit* wanted,
                                   bool may_raise)
{
    const HeldProcess other(static_cast<u32>(call.arg[0]), *task.owner);
    if (!other)
        return fail(Errno::srch);
    still_limit& limit = *local_limit(*other, call.arg[1]);
    const still_limit old = limit;
    if (wanted != nullptr)
        TRY_STATUS(set_limit(*other, limit, *wanted, [may_raise] { return may_raise; }));
    return old;
}

// prlimit(2) of another process of the LWK. Whether the caller may is Linux's to say.
SyscallResult limit_of_other(Task& task, const Call& call)
{
    if (!is_here(task, call.arg[0]))
        return offload_unchanged(task, call);
    const i64 allowed = TRY(offload_quickly(task, call.nr, call.arg[0], call.arg[1], 0, 0));
    if (allowed < 0)
        return fail(static_cast<Errno>(-allowed));
    still_limit wanted{};
    const bool changes = call.arg[2] != 0;
    if (changes)
        wanted = TRY(UserIn<still_limit>(call.arg[2]).read());
    const bool may_raise = changes && is_capable(task, cap_sys_resource);
    const still_limit old = TRY(exchange_limit(task, call, changes ? &wanted : nullptr, may_raise));
    if (call.arg[3] != 0)
        TRY_STATUS(UserOut<still_limit>(call.arg[3]).write(old));
    return 0;
}

} // namespace

namespace {

// Who it is that sends signals: the real user id, of the thread.
SyscallResult change_user(Task& task, const Call& call)
{
    constexpr u32 nr_getuid = 102;
    const SyscallResult result = offload_credentials(task, call);
    if (!result || *result != 0)
        return result;
    if (const auto now = offload_quickly(task, nr_getuid); now && *now >= 0)
        task.uid = static_cast<u32>(*now);
    return result;
}

} // namespace

SyscallResult sys_setuid(Task& task, const Call& call)
{
    return change_user(task, call);
}

SyscallResult sys_setreuid(Task& task, const Call& call)
{
    return change_user(task, call);
}

SyscallResult sys_setresuid(Task& task, const Call& call)
{
    return change_user(task, call);
}

SyscallResult sys_prlimit64(Task& task, const Call& call)
{
    still_limit* limit = local_limit(*task.owner, call.arg[1]);
    const bool own = call.arg[0] == 0 || call.arg[0] == task.owner->pid;
    if (limit == nullptr)
        return own ? offload_limit(task, call, call.arg[1], call.arg[2]) : offload_unchanged(task, call);
    if (!own)
        return limit_of_other(task, call);
    const still_limit old = *limit;
    if (call.arg[2] != 0)
        TRY_STATUS(set_own_limit(task, *limit, TRY(UserIn<still_limit>(call.arg[2]).read())));
    if (call.arg[3] != 0)
        TRY_STATUS(UserOut<still_limit>(call.arg[3]).write(old));
    return 0;
}

SyscallResult sys_getrlimit(Task& task, const Call& call)
{
    still_limit* limit = local_limit(*task.owner, call.arg[0]);
    if (limit == nullptr)
        return offload_unchanged(task, call);
    TRY_STATUS(UserOut<still_limit>(call.arg[1]).write(*limit));
    return 0;
}

SyscallResult sys_setrlimit(Task& task, const Call& call)
{
    still_limit* limit = local_limit(*task.owner, call.arg[0]);
    if (limit == nullptr)
        return offload_limit(task, call, call.arg[0], call.arg[1]);
    TRY_STATUS(set_own_limit(task, *limit, TRY(UserIn<still_limit>(call.arg[1]).read())));
    return 0;
}

SyscallResult sys_prctl(Task& task, const Call& call)
{
    constexpr u64 set_tsc = 26, get_tid_address = 40, tsc_enable = 1;
    // What is about the process or thread as Linux knows it goes to the proxy. The rest acts on memory or on how the
    // thread executes, which are not the proxy's: EINVAL, as from a Linux that was built without.
    switch (call.arg[0]) {
    case 1:          // PR_SET_PDEATHSIG
    case 2:          // PR_GET_PDEATHSIG
    case 3:          // PR_GET_DUMPABLE
    case 4:          // PR_SET_DUMPABLE
    case 7:          // PR_GET_KEEPCAPS
    case 8:          // PR_SET_KEEPCAPS
    case 13:         // PR_GET_TIMING
    case 14:         // PR_SET_TIMING: one value only
    case 15:         // PR_SET_NAME
    case 16:         // PR_GET_NAME
    case 21:         // PR_GET_SECCOMP
    case 23:         // PR_CAPBSET_READ
    case 24:         // PR_CAPBSET_DROP
    case 25:         // PR_GET_TSC
    case 27:         // PR_GET_SECUREBITS
    case 28:         // PR_SET_SECUREBITS
    case 29:         // PR_SET_TIMERSLACK
    case 30:         // PR_GET_TIMERSLACK
    case 31:         // PR_TASK_PERF_EVENTS_DISABLE: it has none
    case 32:         // PR_TASK_PERF_EVENTS_ENABLE
    case 33:         // PR_MCE_KILL
    case 34:         // PR_MCE_KILL_GET
    case 36:         // PR_SET_CHILD_SUBREAPER
    case 37:         // PR_GET_CHILD_SUBREAPER
    case 38:         // PR_SET_NO_NEW_PRIVS
    case 39:         // PR_GET_NO_NEW_PRIVS
    case 41:         // PR_SET_THP_DISABLE: kept and told, pages are as large as they can be
    case 42:         // PR_GET_THP_DISABLE
    case 47:         // PR_CAP_AMBIENT
    case 52:         // PR_GET_SPECULATION_CTRL
    case 57:         // PR_SET_IO_FLUSHER
    case 58:         // PR_GET_IO_FLUSHER
    case 0x59616d61: // PR_SET_PTRACER
        return offload_credentials(task, call);
    case set_tsc:
        return call.arg[1] == tsc_enable ? offload_unchanged(task, call) : fail(Errno::inval);
    case STILL_PR_PEERS:
        return peers_call(task, call);
    case get_tid_address:
        TRY_STATUS(UserOut<u64>(call.arg[1]).write(task.clear_tid));
        return 0;
    default:
        return fail(Errno::inval);
    }
}

SyscallResult sys_personality(Task& task, const Call& call)
{
    // Of an execution domain's flags those that change how Linux treats the process: what execve inherits, and what
    // uname says. Those about the layout of memory would hit mcexec.
    constexpr u64 question = 0xffffffff, linux32 = 8, uname26 = 0x20000, fdpic = 0x80000,
                  no_randomize = 0x40000, short_inode = 0x1000000, whole_seconds = 0x2000000,
                  sticky_timeouts = 0x4000000;
    constexpr u64 served =
        linux32 | uname26 | fdpic | no_randomize | short_inode | whole_seconds | sticky_timeouts;
    const u64 wanted = call.arg[0] & 0xffffffff;
    return wanted == question || (wanted & ~served) == 0 ? offload_unchanged(task, call) : fail(Errno::inval);
}

} // namespace still
