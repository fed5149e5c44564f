// SPDX-License-Identifier: BSD-2-Clause
// futex(2), futex_waitv(2): decoding.
#include <arch/cpu.hpp>
#include <exec/clocks.hpp>
#include <exec/futex.hpp>
#include <exec/linux_memory.hpp>
#include <exec/peers.hpp>
#include <exec/user_memory.hpp>
#include <mm/frame_allocator.hpp>
#include <sched/clock.hpp>
#include <syscall/dispatch.hpp>

namespace still {

namespace {

enum FutexOp : u32 {
    op_wait = 0,
    op_wake = 1,
    op_requeue = 3,
    op_cmp_requeue = 4,
    op_wake_op = 5,
    op_lock_pi = 6,
    op_unlock_pi = 7,
    op_trylock_pi = 8,
    op_wait_bitset = 9,
    op_wake_bitset = 10,
    op_wait_requeue_pi = 11,
    op_cmp_requeue_pi = 12,
    op_lock_pi2 = 13,
};
constexpr i32 nr_futex = 202;
constexpr u32 flag_private = 128, flag_realtime = 256;

futex::Word word_of(const Process& p, u64 address, bool is_private)
{
    return is_private ? futex::private_word(p, address) : futex::shared_word(p, address);
}

// deadline: TSC, 0: none. An interrupted wait with a timeout goes on only if no handler ran.
SyscallResult wait_again(Task& task, const Resume& left)
{
    const Status s = futex::wait(task, word_of(*task.owner, left.arg[0], left.arg[3] != 0),
                                 static_cast<u32>(left.arg[1]), static_cast<u32>(left.arg[2]), left.deadline);
    if (!s && s.error() == Errno::intr) {
        task.restart_nr = left.deadline == 0 ? nr_futex : -1;
        task.resume = left;
        return fail(Errno::restart);
    }
    TRY_STATUS(s);
    return 0;
}

u64 absolute_deadline(u64 ns, bool realtime)
{
    return tsc_at_monotonic(realtime ? ns - min(ns, realtime_ns() - monotonic_ns()) : ns);
}

bool takes_timeout(u32 op)
{
    return op == op_wait || op == op_wait_bitset || op == op_lock_pi || op == op_lock_pi2 ||
           op == op_wait_requeue_pi;
}

// TSC; 0: none.
Result<u64> deadline_of(u32 op, bool realtime, u64 address)
{
    if (address == 0 || !takes_timeout(op))
        return 0;
    const u64 ns = TRY(read_ns(address));
    if (op == op_wait)
        return tsc_at_monotonic(add_ns(monotonic_ns(), ns));
    return absolute_deadline(ns, realtime || op == op_lock_pi);
}

// Linux looks a word up by its page if it may be shared: then it must be there. In a peer's memory whose home is Linux,
// Linux has the waiters, and does not know of peers.
Status check_shared(Process& p, u64 address)
{
    AddressSpace::AreaInfo area;
    if (PeerAddress there; is_of_peer(p, address, there)) {
        const HeldPeer peer(p, there.rank);
        if (!peer || is_in_linux(*peer, there.address.raw()))
            return fail(Errno::fault);
        return check_shared(*peer, there.address.raw());
    }
    if ((address & 3) == 0 && (!p.space.area(UserAddr(address), area) || area.range.start.raw() > address ||
                               area.prot == prot_none))
        return fail(Errno::fault);
    return {};
}

bool is_pi(u32 op)
{
    return op == op_lock_pi || op == op_unlock_pi || op == op_trylock_pi || op >= op_wait_requeue_pi;
}

bool has_second_word(u32 op)
{
    return op == op_requeue || op == op_cmp_requeue || op == op_wake_op || op == op_wait_requeue_pi ||
           op == op_cmp_requeue_pi;
}

// What a wait that was cut short by a signal becomes. always: whatever SA_RESTART says.
SyscallResult finish_wait(Task& task, const Call& call, const Status& s, bool restarts, bool always)
{
    if (!s && s.error() == Errno::intr) {
        task.restart_nr = restarts ? static_cast<i32>(call.nr) : -1;
        task.restart_always = always;
        return fail(Errno::restart);
    }
    TRY_STATUS(s);
    return 0;
}

// In memory whose home is Linux both kernels' threads wait, so Linux keeps the queue.
SyscallResult futex_in_linux(Task& task, const Call& call, u32 op)
{
    const auto ns = op == op_wait && call.arg[3] != 0 ? read_ns(call.arg[3]) : fail(Errno::inval);
    return ns ? timed_in_linux(task, call, *ns) : offload_unchanged(task, call);
}

} // namespace

SyscallResult sys_futex(Task& task, const Call& call)
{
    Process& p = *task.owner;
    if (call.arg[1] == (op_wake | flag_private)) // what unlocks are made of
        return futex::wake(futex::private_word(p, call.arg[0]), static_cast<i32>(call.arg[2]),
                           futex::any_bit);
    if (call.arg[1] == (op_wait | flag_private) && call.arg[3] == 0) // and locks
        return wait_again(task,
                          {wait_again, 0, {call.arg[0], static_cast<u32>(call.arg[2]), futex::any_bit, 1}});
    const u32 op = static_cast<u32>(call.arg[1]) & ~(flag_private | flag_realtime);
    const bool realtime = (call.arg[1] & flag_realtime) != 0;
    const u64 address = call.arg[0];
    const u64 second = call.arg[4];
    const bool is_private = (call.arg[1] & flag_private) != 0;
    const u32 value = static_cast<u32>(call.arg[2]);
    const i32 count = static_cast<i32>(value);
    const i32 count2 = static_cast<i32>(call.arg[3]);
    const u32 value3 = static_cast<u32>(call.arg[5]);
    // Private ones are between threads of this process, wherever the word lies.
    if (!is_private && (is_in_linux(p, address) || (has_second_word(op) && is_in_linux(p, call.arg[4]))))
        return futex_in_linux(task, call, op);
    const u64 deadline = TRY(deadline_of(op, realtime, call.arg[3]));
    if (realtime && op != op_wait_bitset && op != op_wait_requeue_pi && op != op_lock_pi2)
        return fail(Errno::nosys);
    if (!is_private && op <= op_lock_pi2) {
        TRY_STATUS(check_shared(p, address));
        if (has_second_word(op))
            TRY_STATUS(check_shared(p, second));
    }
    // Who owns a PI word is told by a thread's number, which means nothing to a peer.
    if (PeerAddress there;
        is_pi(op) && (is_of_peer(p, address, there) || (has_second_word(op) && is_of_peer(p, second, there))))
        return fail(Errno::nosys);
    const futex::Word word = word_of(p, address, is_private), other = word_of(p, second, is_private);
    switch (op) {
    case op_wait:
        return wait_again(task, {wait_again, deadline, {address, value, futex::any_bit, is_private}});
    case op_wait_bitset:
        return wait_again(task, {wait_again, deadline, {address, value, value3, is_private}});
    case op_wake:
        return TRY(futex::wake(word, count, futex::any_bit));
    case op_wake_bitset:
        return TRY(futex::wake(word, count, value3));
    case op_requeue:
        return TRY(futex::requeue(p, word, other, count, count2, false, 0));
    case op_cmp_requeue:
        return TRY(futex::requeue(p, word, other, count, count2, true, value3));
    case op_wake_op:
        return TRY(futex::wake_op(p, word, other, count, count2, value3));
    case op_lock_pi:
    case op_lock_pi2:
        return finish_wait(task, call, futex::lock_pi(task, address, deadline, false), true, true);
    case op_trylock_pi:
        return finish_wait(task, call, futex::lock_pi(task, address, 0, true), true, true);
    case op_unlock_pi:
        TRY_STATUS(futex::unlock_pi(task, address));
        return 0;
    case op_wait_requeue_pi:
        return finish_wait(task, call,
                           futex::wait_requeue_pi(task, address, value, futex::any_bit, deadline, second),
                           true, true);
    case op_cmp_requeue_pi:
        return TRY(futex::cmp_requeue_pi(task, address, second, count, count2, value3));
    default:
        return fail(Errno::nosys); // FUTEX_FD is long gone from Linux, too
    }
}

namespace {

// struct futex_waitv of linux/futex.h
struct WaitV {
    u64 value;
    u64 address;
    u32 flags;
    u32 reserved;
};
static_assert(sizeof(WaitV) == 24);

SyscallResult wait_for_any(Task& task, const Call& call, futex::WaitOn* words, u32 count, u64 deadline)
{
    constexpr u32 size_32 = 2;
    for (u32 i = 0; i < count; ++i) {
        const WaitV v = TRY(UserIn<WaitV>(call.arg[0]).read(i));
        if ((v.flags & ~(size_32 | flag_private)) != 0 || (v.flags & size_32) == 0 || v.reserved != 0)
            return fail(Errno::inval);
        words[i] = {word_of(*task.owner, v.address, (v.flags & flag_private) != 0),
                    static_cast<u32>(v.value)};
    }
    for (u32 i = 0; i < count; ++i)
        if (words[i].word.address == 0)
            return fail(Errno::fault);
    const auto woken = futex::wait_any(task, words, count, deadline);
    if (woken)
        return *woken;
    return finish_wait(task, call, fail(woken.error()), true, false);
}

// Then Linux waits for all of them; words in the LWK's memory next to such ones don't work (docs/limits.md).
Result<bool> any_in_linux(Task& task, u64 list, u32 count)
{
    for (u32 i = 0; i < count; ++i) {
        const WaitV v = TRY(UserIn<WaitV>(list).read(i));
        if ((v.flags & flag_private) == 0 && is_in_linux(*task.owner, v.address))
            return true;
    }
    return false;
}

} // namespace

SyscallResult sys_futex_waitv(Task& task, const Call& call)
{
    if (call.arg[2] != 0 || call.arg[1] == 0 || call.arg[1] > futex::max_waitv || call.arg[0] == 0)
        return fail(Errno::inval);
    const u32 count = static_cast<u32>(call.arg[1]);
    if (TRY(any_in_linux(task, call.arg[0], count)))
        return offload_unchanged(task, call);
    u64 deadline = 0;
    if (call.arg[3] != 0) {
        if (call.arg[4] != clock_realtime && call.arg[4] != clock_monotonic)
            return fail(Errno::inval);
        deadline = absolute_deadline(TRY(read_ns(call.arg[3])), call.arg[4] == clock_realtime);
    }
    auto* words = static_cast<futex::WaitOn*>(frames::allocate_memory(this_cpu().arch.node, 0));
    if (words == nullptr)
        return fail(Errno::nomem);
    static_assert(futex::max_waitv * sizeof(futex::WaitOn) <= page_size);
    const SyscallResult result = wait_for_any(task, call, words, count, deadline);
    frames::release_memory(words, 0);
    return result;
}

SyscallResult sys_set_robust_list(Task& task, const Call& call)
{
    if (call.arg[1] != 24)
        return fail(Errno::inval);
    task.robust_list = call.arg[0];
    tell_robust_list(task);
    return 0;
}

SyscallResult sys_get_robust_list(Task& task, const Call& call)
{
    u64 head = task.robust_list;
    if (call.arg[0] != 0 && call.arg[0] != task.tid) {
        LockGuard guard(task.owner->lock);
        Task* other = find_task(*task.owner, static_cast<u32>(call.arg[0]));
        if (other == nullptr)
            return fail(Errno::srch);
        head = other->robust_list;
    }
    TRY_STATUS(UserOut<u64>(call.arg[1]).write(head));
    TRY_STATUS(UserOut<u64>(call.arg[2]).write(24));
    return 0;
}

} // namespace still
