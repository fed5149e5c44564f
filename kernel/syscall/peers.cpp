// SPDX-License-Identifier: BSD-2-Clause
// prctl(STILL_PR_PEERS): what a member of a group asks about its peers (stillcore/peers.h).
#include <arch/cpu.hpp>
#include <exec/peers.hpp>
#include <sched/clock.hpp>
#include <syscall/dispatch.hpp>

namespace still {

namespace {

constexpr u64 look_again_us = 200;

// A peer that its slot shows, and that runs its program.
bool is_there(const HeldPeer& peer)
{
    return peer && peer->started && !peer->dying.load(std::memory_order_relaxed);
}

SyscallResult wait_for_peer(Task& task, u64 rank, i64 ms)
{
    if (rank >= STILL_MAX_PEERS)
        return fail(Errno::inval);
    const u64 until = ms < 0 ? ~0ull : monotonic_ns() + static_cast<u64>(min<i64>(ms, 1ll << 40)) * 1000000;
    for (;;) {
        if (is_there(HeldPeer(*task.owner, static_cast<u32>(rank))))
            return 0;
        if (signal_pending(task) || task.owner->dying.load(std::memory_order_relaxed))
            return fail(Errno::intr);
        if (monotonic_ns() >= until)
            return fail(Errno::timedout);
        park_until(arch::read_tsc() + us_to_tsc(look_again_us));
    }
}

SyscallResult find_post(Task& task, u64 rank, u64 to)
{
    const HeldPeer peer(*task.owner, static_cast<u32>(min<u64>(rank, STILL_MAX_PEERS)));
    if (!is_there(peer))
        return fail(Errno::srch);
    const u64 post = __atomic_load_n(&peer->peer_post, __ATOMIC_ACQUIRE);
    if (post == 0)
        return fail(Errno::again);
    TRY_STATUS(UserOut<u64>(to).write(post));
    return 0;
}

} // namespace

SyscallResult peers_call(Task& task, const Call& call)
{
    Process& p = task.owner->host != nullptr ? *task.owner->host : *task.owner;
    if (p.peers == nullptr)
        return fail(Errno::nxio);
    const u64 rank = call.arg[2];
    switch (call.arg[1]) {
    case STILL_PEERS_INFO:
        TRY_STATUS(UserOut<still_peers_info>(call.arg[2])
                       .write({p.peer_rank, p.page->peers_size, count_peers(p), peers_shift()}));
        return 0;
    case STILL_PEERS_WAIT:
        return wait_for_peer(task, rank, static_cast<i64>(call.arg[3]));
    case STILL_PEERS_SHARE:
        if (rank > STILL_PEERS_WRITE)
            return fail(Errno::inval);
        TRY_STATUS(share_with_peers(p, static_cast<still_peers_right>(rank)));
        return 0;
    case STILL_PEERS_POST:
        __atomic_store_n(&p.peer_post, call.arg[2], __ATOMIC_RELEASE);
        return 0;
    case STILL_PEERS_FIND:
        return find_post(task, rank, call.arg[3]);
    case STILL_PEERS_EXPORT:
        return export_to_peers(p, TRY(UserIn<still_peers_export>(call.arg[2]).read()));
    case STILL_PEERS_WITHDRAW:
        TRY_STATUS(withdraw_from_peers(p, call.arg[2]));
        return 0;
    case STILL_PEERS_IMPORT:
        TRY_STATUS(
            UserOut<still_peers_export>(call.arg[4]).write(TRY(import_from_peer(p, rank, call.arg[3]))));
        return 0;
    case STILL_PEERS_PID: {
        const HeldPeer peer(p, static_cast<u32>(min<u64>(rank, STILL_MAX_PEERS)));
        return is_there(peer) ? SyscallResult(peer->pid) : fail(Errno::srch);
    }
    default:
        return fail(Errno::inval);
    }
}

} // namespace still
