// SPDX-License-Identifier: BSD-2-Clause
// groups_lock comes before a group's lock, that before a process's. Whoever makes a slot show something, or nothing,
// holds the group's, so all members' slots agree. A member's memory is freed after it left (no slot leads there) and a
// shoot_down(), which reaches all CPUs that run any member.
#include <arch/cpu.hpp>
#include <arch/layout.hpp>
#include <arch/page_table.hpp>
#include <exec/futex.hpp>
#include <exec/peers.hpp>
#include <mm/object_cache.hpp>

namespace still {

// Under the group's lock.
struct PeerExports {
    static constexpr u32 most = 128;
    struct {
        u32 number;
        still_peers_export part;
    } list[most] = {};
    u32 last_number = 0;
};

struct PeerGroup {
    u32 id = 0;
    u32 refs = 0; // under groups_lock
    PeerGroup* next = nullptr;
    AddressSpace::CpuSet cpus{};
    SpinLock lock;
    Process* members[STILL_MAX_PEERS] GUARDED_BY(lock) = {};
};

namespace {

ObjectCache<PeerExports> exports_cache;
ObjectCache<PeerGroup> group_cache;
SpinLock groups_lock;
PeerGroup* groups GUARDED_BY(groups_lock) = nullptr;

PeerGroup* take_group(u32 id)
{
    LockGuard guard(groups_lock);
    PeerGroup* group = groups;
    while (group != nullptr && group->id != id)
        group = group->next;
    if (group == nullptr) {
        group = group_cache.make();
        if (group == nullptr)
            return nullptr;
        group->id = id;
        group->next = groups;
        groups = group;
    }
    ++group->refs;
    return group;
}

void put_group(PeerGroup* group)
{
    {
        LockGuard guard(groups_lock);
        if (--group->refs != 0)
            return;
        for (PeerGroup** at = &groups; *at != nullptr; at = &(*at)->next) {
            if (*at == group) {
                *at = group->next;
                break;
            }
        }
    }
    group_cache.destroy(group);
}

still_peers_right right_of(const Process& p)
{
    return static_cast<still_peers_right>(__atomic_load_n(&p.page->peers_right, __ATOMIC_RELAXED));
}

bool sees_twice(const Process& p)
{
    return p.page->peers_size <= STILL_PEERS_TWICE;
}

// What all members see of that rank.
void show(PeerGroup& group, u32 rank, const Process* p, still_peers_right right) REQUIRES(group.lock)
{
    const PhysAddr table =
        p != nullptr && right != STILL_PEERS_NOTHING ? p->space.shared_table() : PhysAddr();
    for (Process* viewer : group.members) {
        if (viewer == nullptr)
            continue;
        viewer->space.set_slot(rank, table, right == STILL_PEERS_WRITE);
        if (sees_twice(*viewer))
            viewer->space.set_slot(rank + STILL_PEERS_READ_ONLY, table, false);
    }
}

// A new member sees those who are there.
void see_all(PeerGroup& group, Process& p) REQUIRES(group.lock)
{
    for (u32 i = 0; i < STILL_MAX_PEERS; ++i) {
        const Process* peer = group.members[i];
        if (peer == nullptr || right_of(*peer) == STILL_PEERS_NOTHING)
            continue;
        p.space.set_slot(i, peer->space.shared_table(), right_of(*peer) == STILL_PEERS_WRITE);
        if (sees_twice(p))
            p.space.set_slot(i + STILL_PEERS_READ_ONLY, peer->space.shared_table(), false);
    }
}

} // namespace

Status join_peers(Process& p)
{
    const u32 id = p.page->peers_group, rank = p.page->peers_rank;
    if (id == 0)
        return {};
    if (rank >= (sees_twice(p) ? STILL_PEERS_TWICE : STILL_MAX_PEERS))
        return fail(Errno::inval);
    PeerGroup* group = take_group(id);
    if (group == nullptr)
        return fail(Errno::nomem);
    if (const Status made = p.space.make_slots(group->cpus); !made) {
        put_group(group);
        return made;
    }
    p.peers = group;
    p.peer_rank = rank;
    __atomic_store_n(&p.page->peers_right, STILL_PEERS_WRITE, __ATOMIC_RELAXED);
    bool replaces;
    {
        LockGuard guard(group->lock);
        see_all(*group, p);
        // Linux has seen to it that whoever had the rank before has gone, or executes this program.
        replaces = group->members[rank] != nullptr;
        group->members[rank] = &p;
        show(*group, rank, &p, STILL_PEERS_WRITE);
    }
    if (replaces)
        shoot_down(p.space);
    return {};
}

void leave_peers(Process& p)
{
    if (p.peers == nullptr)
        return;
    LockGuard guard(p.peers->lock);
    if (p.peers->members[p.peer_rank] != &p)
        return;
    show(*p.peers, p.peer_rank, nullptr, STILL_PEERS_NOTHING);
    p.peers->members[p.peer_rank] = nullptr;
}

bool has_peer(u32 id, u32 rank, u32 own_pid)
{
    LockGuard guard(groups_lock);
    for (PeerGroup* group = groups; group != nullptr; group = group->next) {
        if (group->id != id || rank >= STILL_MAX_PEERS)
            continue;
        LockGuard inner(group->lock);
        const Process* peer = group->members[rank];
        return peer != nullptr && peer->pid != own_pid && !peer->dying.load();
    }
    return false;
}

void vanish_from_peers(Process& p)
{
    if (p.peers == nullptr)
        return;
    leave_peers(p);
    shoot_down(p.space);
    futex::abandon_words(*p.peers, p.peer_rank);
}

void forget_peers(Process& p)
{
    if (p.peers == nullptr)
        return;
    if (p.peer_exports != nullptr)
        exports_cache.destroy(p.peer_exports);
    p.peer_exports = nullptr;
    futex::abandon_words(*p.peers, p.peer_rank);
    put_group(p.peers);
    p.peers = nullptr;
}

HeldPeer::HeldPeer(Process& asker, u32 rank)
{
    const Process& member = asker.host != nullptr ? *asker.host : asker;
    if (member.peers == nullptr || rank >= STILL_MAX_PEERS)
        return;
    LockGuard guard(member.peers->lock);
    process_ = member.peers->members[rank];
    if (process_ == nullptr)
        return;
    right_ = process_ == &member ? STILL_PEERS_WRITE : right_of(*process_);
    process_->holders.fetch_add(1);
}

HeldPeer::~HeldPeer()
{
    if (process_ != nullptr)
        process_->holders.fetch_sub(1);
}

u32 peers_shift()
{
    return arch::five_levels() ? STILL_PEERS_SHIFT_5 : STILL_PEERS_SHIFT;
}

bool is_of_peer(const Process& p, u64 address, PeerAddress& where)
{
    if (!p.space.has_slots() || address >> peers_shift() == 0 || address >> peers_shift() > STILL_MAX_PEERS)
        return false;
    u32 rank = static_cast<u32>(address >> peers_shift()) - 1;
    const bool read_only = rank >= STILL_PEERS_READ_ONLY && sees_twice(p);
    if (read_only)
        rank -= STILL_PEERS_READ_ONLY;
    where = {rank, UserAddr(address & ((1ull << peers_shift()) - 1)), read_only};
    return true;
}

FaultError resolve_peer_fault(Process& p, const PeerAddress& where, u64 address, Access access)
{
    const HeldPeer peer(p, where.rank);
    if (!peer || peer.right() == STILL_PEERS_NOTHING || peer->dying.load(std::memory_order_relaxed))
        return {sig_segv, segv_maperr};
    if (access == Access::write && (where.read_only || peer.right() != STILL_PEERS_WRITE))
        return {sig_segv, segv_accerr};
    const FaultError e = resolve_fault(*peer, where.address, access);
    arch::invalidate_page(address);
    return e;
}

Result<u32> export_to_peers(Process& p, const still_peers_export& part)
{
    const bool is_all = part.start == 0 && part.bytes == ~0ull;
    const u64 end = arch::five_levels() ? arch::user_limit : STILL_PEERS_END;
    if (part.bytes == 0 || (!is_all && (((part.start | part.bytes) & (page_size - 1)) != 0 ||
                                        part.start >= end || part.bytes > end - part.start)))
        return fail(Errno::inval);
    PeerExports* fresh = exports_cache.make();
    LockGuard guard(p.peers->lock);
    if (p.peer_exports == nullptr)
        p.peer_exports = fresh;
    else if (fresh != nullptr)
        exports_cache.destroy(fresh);
    if (p.peer_exports == nullptr)
        return fail(Errno::nomem);
    PeerExports& exports = *p.peer_exports;
    for (auto& entry : exports.list) {
        if (entry.number != 0)
            continue;
        exports.last_number = exports.last_number % 0x7fffffff + 1;
        entry = {exports.last_number, part};
        return entry.number;
    }
    return fail(Errno::nomem);
}

Status withdraw_from_peers(Process& p, u64 number)
{
    LockGuard guard(p.peers->lock);
    for (u32 i = 0; i < PeerExports::most && p.peer_exports != nullptr && number != 0; ++i) {
        if (p.peer_exports->list[i].number != number)
            continue;
        p.peer_exports->list[i].number = 0;
        return {};
    }
    return fail(Errno::noent);
}

Result<still_peers_export> import_from_peer(Process& p, u64 rank, u64 number)
{
    LockGuard guard(p.peers->lock);
    const Process* peer = rank < STILL_MAX_PEERS ? p.peers->members[rank] : nullptr;
    const PeerExports* exports = peer != nullptr && !peer->dying.load() ? peer->peer_exports : nullptr;
    for (u32 i = 0; i < PeerExports::most && exports != nullptr && number != 0; ++i)
        if (exports->list[i].number == number)
            return exports->list[i].part;
    return fail(Errno::noent);
}

u32 count_peers(Process& p)
{
    if (p.peers == nullptr)
        return 0;
    LockGuard guard(p.peers->lock);
    u32 count = 0;
    for (const Process* peer : p.peers->members)
        count += peer != nullptr;
    return count;
}

Status share_with_peers(Process& p, still_peers_right right)
{
    {
        LockGuard guard(p.peers->lock);
        if (p.peers->members[p.peer_rank] != &p)
            return {}; // on its way out
        __atomic_store_n(&p.page->peers_right, right, __ATOMIC_SEQ_CST);
        show(*p.peers, p.peer_rank, &p, right);
        p.space.set_slot(p.peer_rank, p.space.shared_table(), true);
    }
    shoot_down(p.space);
    // Linux may have more of it mapped on behalf of peers, where slots are within its reach.
    if (!arch::five_levels())
        (void)ask_zap(p, {UserAddr(0), UserAddr(STILL_PEERS_END)}, STILL_ZAP_COUNT);
    return {};
}

} // namespace still
