// SPDX-License-Identifier: BSD-2-Clause
// poll(2), select(2), epoll_wait(2), io_uring_enter(2) and their relatives with a signal mask: Linux waits, the mask is
// the LWK's.
// An interrupted wait that no handler saw goes on with the time that is left.
#include <exec/clocks.hpp>
#include <exec/user_memory.hpp>
#include <sched/clock.hpp>
#include <syscall/dispatch.hpp>

namespace still {

namespace {

constexpr u64 set_bytes = 8;
constexpr u64 ms_ns = 1'000'000;
constexpr u32 nr_poll = 7, nr_io_getevents = 208, nr_epoll_wait = 232;

Status use_mask(Task& task, u64 address, u64 size)
{
    if (address == 0)
        return {};
    if (size != set_bytes)
        return fail(Errno::inval);
    set_temporary_mask(task, TRY(UserIn<u64>(address).read()));
    return {};
}

// The call as it is, without its mask. Errno::restart: interrupted; the mask is still the temporary one.
SyscallResult wait_in_linux(Task& task, u32 nr, const u64 (&arg)[6])
{
    const auto result = offload(task, nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
    const bool interrupted = result && *result == -static_cast<i64>(Errno::intr);
    if (interrupted)
        return fail(Errno::restart);
    restore_mask_now(task);
    if (!result)
        return fail(result.error());
    if (*result == -STILL_EINTR_STOPPED)
        return fail(Errno::intr);
    return static_cast<u64>(*result);
}

// With a signal there already, what is ready still goes first, as in Linux: the signal stays pending then.
SyscallResult only_look(Task& task, u32 nr, const u64 (&arg)[4])
{
    const auto found = offload_quickly(task, nr, arg[0], arg[1], arg[2], arg[3]);
    if (!found)
        return fail(found.error());
    if (*found == 0)
        return fail(Errno::restart);
    restore_mask_now(task);
    return static_cast<u64>(*found);
}

// Waits with a timeout in ms, in argument index, from which the rest is made after an interrupt.
SyscallResult wait_until(Task& task, u32 nr, u32 index, const Resume& start)
{
    Resume left = start;
    const u64 now = monotonic_ns();
    left.arg[index] = left.deadline > now ? min<u64>((left.deadline - now + ms_ns - 1) / ms_ns, ~0u >> 1) : 0;
    const SyscallResult result = wait_in_linux(task, nr, left.arg);
    if (!result && result.error() == Errno::restart)
        task.resume = left;
    return result;
}

SyscallResult poll_again(Task& task, const Resume& left)
{
    return wait_until(task, nr_poll, 2, left);
}

SyscallResult epoll_again(Task& task, const Resume& left)
{
    Resume plain = left;
    if (plain.arg[4] != 0)
        set_temporary_mask(task, plain.arg[5]);
    const SyscallResult result = wait_until(task, nr_epoll_wait, 3, plain);
    return result;
}

// epoll_wait until a time, with the mask that use_mask() may have set.
SyscallResult epoll_until(Task& task, const Call& call, u64 ns, bool masked)
{
    const Resume start{epoll_again,
                       add_ns(monotonic_ns(), ns),
                       {call.arg[0], call.arg[1], call.arg[2], 0, masked ? 1ull : 0, task.signals.mask}};
    return wait_until(task, nr_epoll_wait, 3, start);
}

SyscallResult epoll_ms(Task& task, const Call& call, bool masked)
{
    const i32 ms = static_cast<i32>(call.arg[3]);
    if (ms != 0 && signal_pending(task))
        return only_look(task, nr_epoll_wait, {call.arg[0], call.arg[1], call.arg[2], 0});
    if (ms > 0)
        return epoll_until(task, call, static_cast<u64>(ms) * ms_ns, masked);
    return wait_in_linux(task, nr_epoll_wait, {call.arg[0], call.arg[1], call.arg[2], call.arg[3]});
}

} // namespace

SyscallResult sys_poll(Task& task, const Call& call)
{
    const i32 ms = static_cast<i32>(call.arg[2]);
    if (ms <= 0)
        return wait_in_linux(task, call.nr, {call.arg[0], call.arg[1], call.arg[2]});
    return wait_until(
        task, nr_poll, 2,
        {poll_again, add_ns(monotonic_ns(), static_cast<u64>(ms) * ms_ns), {call.arg[0], call.arg[1]}});
}

// Linux writes the time that is left into the timeout of these three, from which the call goes on.
SyscallResult sys_ppoll(Task& task, const Call& call)
{
    TRY_STATUS(use_mask(task, call.arg[3], call.arg[4]));
    if (signal_pending(task))
        return only_look(task, nr_poll, {call.arg[0], call.arg[1], 0});
    return wait_in_linux(task, call.nr, {call.arg[0], call.arg[1], call.arg[2]});
}

SyscallResult sys_select(Task& task, const Call& call)
{
    return wait_in_linux(task, call.nr, {call.arg[0], call.arg[1], call.arg[2], call.arg[3], call.arg[4]});
}

SyscallResult sys_pselect6(Task& task, const Call& call)
{
    if (call.arg[5] != 0) {
        const u64 mask = TRY(UserIn<u64>(call.arg[5]).read(0));
        const u64 size = TRY(UserIn<u64>(call.arg[5]).read(1));
        TRY_STATUS(use_mask(task, mask, size));
    }
    const u32 nr = signal_pending(task) ? static_cast<u32>(STILL_CALL_SELECT_NOW) : call.nr;
    return wait_in_linux(task, nr, {call.arg[0], call.arg[1], call.arg[2], call.arg[3], call.arg[4]});
}

SyscallResult sys_io_pgetevents(Task& task, const Call& call)
{
    if (call.arg[5] != 0) {
        const u64 mask = TRY(UserIn<u64>(call.arg[5]).read(0));
        const u64 size = TRY(UserIn<u64>(call.arg[5]).read(1));
        TRY_STATUS(use_mask(task, mask, size));
    }
    return wait_in_linux(task, nr_io_getevents,
                         {call.arg[0], call.arg[1], call.arg[2], call.arg[3], call.arg[4]});
}

// What is submitted goes first, and what has completed; with a signal there already Linux's wait ends at once.
SyscallResult sys_io_uring_enter(Task& task, const Call& call)
{
    constexpr u64 waits = 1, extended = 8;
    struct GetEvents { // Linux's struct io_uring_getevents_arg
        u64 mask;
        u32 mask_size;
        u32 pad;
        u64 time;
    };
    u64 mask = 0;
    u64 size = call.arg[5];
    const bool is_extended = (call.arg[3] & extended) != 0;
    if ((call.arg[3] & waits) != 0 && !is_extended)
        mask = call.arg[4];
    if ((call.arg[3] & waits) != 0 && is_extended && size == sizeof(GetEvents))
        if (const auto events = UserIn<GetEvents>(call.arg[4]).read(); events) {
            mask = events->mask;
            size = events->mask_size;
        }
    if (mask == 0 || size != set_bytes) { // or Linux says what is wrong with it
        const SyscallResult result = offload_unchanged(task, call);
        task.restart_nr = -1; // never after a handler
        return result;
    }
    TRY_STATUS(use_mask(task, mask, size));
    return wait_in_linux(
        task, is_extended ? static_cast<u32>(STILL_CALL_URING_ENTER) : call.nr,
        {call.arg[0], call.arg[1], call.arg[2], call.arg[3], is_extended ? call.arg[4] : 0, call.arg[5]});
}

SyscallResult sys_epoll_wait(Task& task, const Call& call)
{
    return epoll_ms(task, call, false);
}

SyscallResult sys_epoll_pwait(Task& task, const Call& call)
{
    TRY_STATUS(use_mask(task, call.arg[4], call.arg[5]));
    return epoll_ms(task, call, call.arg[4] != 0);
}

SyscallResult sys_epoll_pwait2(Task& task, const Call& call)
{
    u64 ns = 0;
    if (call.arg[3] != 0)
        ns = TRY(read_ns(call.arg[3]));
    TRY_STATUS(use_mask(task, call.arg[4], call.arg[5]));
    // Parts of a millisecond are Linux's to count, as long as nothing interrupts it.
    const u64 until = add_ns(monotonic_ns(), ns);
    const u64 mask = task.signals.mask;
    if ((ns != 0 || call.arg[3] == 0) && signal_pending(task))
        return only_look(task, nr_epoll_wait, {call.arg[0], call.arg[1], call.arg[2], 0});
    const SyscallResult result =
        wait_in_linux(task, call.nr, {call.arg[0], call.arg[1], call.arg[2], call.arg[3]});
    if (!result && result.error() == Errno::restart && ns != 0)
        task.resume = {epoll_again,
                       until,
                       {call.arg[0], call.arg[1], call.arg[2], 0, call.arg[4] != 0 ? 1ull : 0, mask}};
    return result;
}

} // namespace still
