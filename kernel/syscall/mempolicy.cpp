// SPDX-License-Identifier: BSD-2-Clause
// Memory policies: set_mempolicy(2), mbind(2) and their family. A policy says where pages come from; what is there
// already moves when it is asked for. Node numbers are the instance's.
#include <arch/cpu.hpp>
#include <exec/user_memory.hpp>
#include <mm/frame_allocator.hpp>
#include <syscall/dispatch.hpp>

namespace still {

namespace {

constexpr u64 strict = 1, move = 2, move_all = 4;
constexpr u64 bits_per_page = page_size * 8;

NodeSet existing_nodes()
{
    return frames::nodes_with_memory();
}

// Looked at before the nodes are read.
bool is_mode(u64 mode)
{
    constexpr u32 modes = 6, mode_flags = 0xe000;
    return (static_cast<u32>(mode) & ~mode_flags) < modes;
}

// maxnode counts one more than there are bits, as Linux has it.
Result<NodeSet> read_nodes(u64 address, u64 maxnode)
{
    --maxnode; // 0 is as much as can be, as Linux has it
    if (maxnode == 0 || address == 0)
        return 0;
    if (maxnode > bits_per_page)
        return fail(Errno::inval);
    NodeSet nodes = 0;
    for (u64 word = 0; word * 64 < maxnode; ++word) {
        u64 bits = TRY(UserIn<u64>(address).read(word));
        if (maxnode - word * 64 < 64)
            bits &= (1ull << (maxnode - word * 64)) - 1;
        // Linux knows 1024 nodes, of which none beyond ours exists.
        if (word == 0)
            nodes = bits;
        else if (bits != 0 && word >= 1024 / 64)
            return fail(Errno::inval);
    }
    return nodes;
}

Status write_nodes(u64 address, u64 maxnode, NodeSet nodes)
{
    const u64 bytes = (maxnode - 1 + 63) / 64 * 8;
    if (bytes > page_size)
        return fail(Errno::inval);
    for (u64 at = 0; at < bytes; at += 8)
        TRY_STATUS(UserOut<u64>(address + at).write(at == 0 ? nodes : 0));
    return {};
}

bool may_move_all(Task& task)
{
    const auto rights = offload(task, STILL_CALL_SCHED_RIGHTS);
    return rights && *rights >= 0 && (*rights & STILL_RIGHT_NICE) != 0;
}

// Moves a page; once more if Linux just happened to look at it.
Status move_page(Process& p, UserAddr a, u32 node)
{
    Status done = relocate(p, a, NodeId(node));
    for (u32 again = 0; again < 3 && !done && done.error() == Errno::busy; ++again)
        done = relocate(p, a, NodeId(node));
    return done;
}

// The pages in the range on nodes that the policy does not allow, that don't (or, if moving, can't) move.
u64 count_misplaced(Process& p, UserRange range, const MemPolicy& policy, bool moving)
{
    if (policy.mode == PolicyMode::none || policy.mode == PolicyMode::local || policy.nodes == 0)
        return 0;
    u64 misplaced = 0;
    for (UserAddr a = range.start; a < range.end && !p.dying.load(std::memory_order_relaxed);
         a += page_size) {
        const auto node = p.space.node_at(a);
        if (!node || (policy.nodes >> node->value & 1) != 0)
            continue;
        u32 to = policy.choose(a.raw() / page_size, 0, this_cpu().arch.node.value).first;
        if ((policy.nodes >> to & 1) == 0)
            to = static_cast<u32>(__builtin_ctzll(policy.nodes));
        if (!moving || !move_page(p, a, to))
            ++misplaced;
    }
    return misplaced;
}

} // namespace

SyscallResult sys_set_mempolicy(Task& task, const Call& call)
{
    if (!is_mode(call.arg[0]))
        return fail(Errno::inval);
    const NodeSet nodes = TRY(read_nodes(call.arg[1], call.arg[2]));
    task.policy = TRY(MemPolicy::make(static_cast<u32>(call.arg[0]), nodes, existing_nodes()));
    return 0;
}

SyscallResult sys_mbind(Task& task, const Call& call)
{
    const u64 start = call.arg[0];
    const u64 length = (call.arg[1] + page_size - 1) & ~(page_size - 1);
    const u64 flags = call.arg[5] & 0xffffffff;
    if (!is_mode(call.arg[2]))
        return fail(Errno::inval);
    const NodeSet nodes = TRY(read_nodes(call.arg[3], call.arg[4]));
    if ((flags & ~(strict | move | move_all)) != 0)
        return fail(Errno::inval);
    if ((flags & move_all) != 0 && !may_move_all(task))
        return fail(Errno::perm);
    if ((start & (page_size - 1)) != 0 || start + length < start)
        return fail(Errno::inval);
    if (length == 0)
        return 0;
    const MemPolicy policy = TRY(MemPolicy::make(static_cast<u32>(call.arg[2]), nodes, existing_nodes()));
    const UserRange range{UserAddr(start), UserAddr(start + length)};
    Process& p = *task.owner;
    AddressSpace::AreaInfo area;
    for (UserAddr a = range.start; a < range.end; a = area.range.end)
        if (!settled_area(p, a, range.end, area) || area.range.start > a)
            return fail(Errno::fault);
    TRY_STATUS(change_traits(p, range, [&](AreaTraits& t) { t.policy = policy; }));
    const bool moving = (flags & (move | move_all)) != 0;
    if ((moving || (flags & strict) != 0) && count_misplaced(p, range, policy, moving) != 0 &&
        (flags & strict) != 0)
        return fail(Errno::io);
    return 0;
}

SyscallResult sys_set_mempolicy_home_node(Task& task, const Call& call)
{
    const u64 start = call.arg[0];
    const u64 length = (call.arg[1] + page_size - 1) & ~(page_size - 1);
    if ((start & (page_size - 1)) != 0 || call.arg[3] != 0 || call.arg[2] >= STILL_MAX_NODES ||
        (existing_nodes() >> call.arg[2] & 1) == 0 || start + length < start)
        return fail(Errno::inval);
    bool refused = false;
    bool any = false;
    (void)change_traits(*task.owner, {UserAddr(start), UserAddr(start + length)}, [&](AreaTraits& t) {
        if (t.policy.mode == PolicyMode::none)
            return;
        if (t.policy.mode != PolicyMode::bind && t.policy.mode != PolicyMode::preferred_many) {
            refused = true;
            return;
        }
        t.policy.home = static_cast<i32>(call.arg[2]);
        any = true;
    });
    if (refused)
        return fail(Errno::opnotsupp);
    if (!any)
        return fail(Errno::noent);
    return 0;
}

SyscallResult sys_get_mempolicy(Task& task, const Call& call)
{
    constexpr u64 of_node = 1, at_address = 2, mems_allowed = 4;
    const u64 address = call.arg[3];
    const u64 flags = call.arg[4];
    if ((flags & ~(of_node | at_address | mems_allowed)) != 0 ||
        (call.arg[1] != 0 && call.arg[2] < frames::count_nodes()))
        return fail(Errno::inval);
    Process& p = *task.owner;
    u32 mode = 0;
    NodeSet nodes = 0;
    if ((flags & mems_allowed) != 0) {
        if ((flags & (of_node | at_address)) != 0)
            return fail(Errno::inval);
        nodes = existing_nodes();
    } else {
        MemPolicy policy = task.policy;
        if ((flags & at_address) != 0) {
            AddressSpace::AreaInfo area;
            if (!p.space.area(UserAddr(address), area) || area.range.start.raw() > address)
                return fail(Errno::fault);
            policy = area.traits.policy;
        } else if (address != 0) {
            return fail(Errno::inval);
        }
        if ((flags & of_node) == 0) {
            mode = static_cast<u32>(policy.mode) | policy.flags;
        } else if ((flags & at_address) != 0) {
            if (resolve_fault(p, UserAddr(address), Access::read).signo != 0)
                return fail(Errno::fault);
            mode = TRY(p.space.node_at(UserAddr(address))).value;
        } else if (policy.mode == PolicyMode::interleave) {
            mode = static_cast<u32>(__builtin_ctzll(policy.nodes));
        } else {
            return fail(Errno::inval);
        }
        nodes = policy.shown();
    }
    if (call.arg[0] != 0)
        TRY_STATUS(UserOut<u32>(call.arg[0]).write(mode));
    if (call.arg[1] != 0)
        TRY_STATUS(write_nodes(call.arg[1], call.arg[2], nodes));
    return 0;
}

namespace {

// Where a page is, or why it can't be told: an entry of move_pages' status.
i32 page_status(Process& p, u64 address)
{
    AddressSpace::AreaInfo area;
    if (!p.space.area(UserAddr(address), area) || area.range.start.raw() > address)
        return -static_cast<i32>(Errno::fault);
    const auto node = p.space.node_at(UserAddr(address));
    return node ? static_cast<i32>(node->value) : -static_cast<i32>(Errno::noent);
}

u32 count_nodes_of(NodeSet nodes)
{
    u32 count = 0;
    for (; nodes != 0; nodes &= nodes - 1)
        ++count;
    return count;
}

// The n-th of the nodes, counted round.
u32 nth_node(NodeSet nodes, u32 n)
{
    for (n %= count_nodes_of(nodes); n != 0; --n)
        nodes &= nodes - 1;
    return static_cast<u32>(__builtin_ctzll(nodes));
}

} // namespace

SyscallResult sys_move_pages(Task& task, const Call& call)
{
    const u64 flags = call.arg[5] & 0xffffffff;
    if ((flags & ~(move | move_all)) != 0)
        return fail(Errno::inval);
    if ((flags & move_all) != 0 && !may_move_all(task))
        return fail(Errno::perm);
    Process& p = *task.owner;
    if (call.arg[0] != 0 && call.arg[0] != p.pid && call.arg[0] != task.tid)
        return fail(Errno::srch);
    u64 left_where_they_were = 0;
    for (u64 i = 0; i < call.arg[1]; ++i) {
        const u64 address = TRY(UserIn<u64>(call.arg[2]).read(i));
        i32 status = page_status(p, address);
        if (call.arg[3] != 0) {
            const i32 node = TRY(UserIn<i32>(call.arg[3]).read(i));
            if (node < 0 || node >= STILL_MAX_NODES || (existing_nodes() >> node & 1) == 0)
                return fail(Errno::nodev);
            if (status >= 0 && status != node) {
                const Status moved = move_page(p, UserAddr(address), static_cast<u32>(node));
                left_where_they_were += moved ? 0 : 1;
                status = moved ? node : -static_cast<i32>(moved.error());
            }
        }
        TRY_STATUS(UserOut<i32>(call.arg[4]).write(status, i));
        if (p.dying.load(std::memory_order_relaxed))
            return fail(Errno::intr);
    }
    return left_where_they_were;
}

// What lies on the n-th of the old nodes goes to the n-th of the new ones, which start anew when they run out.
SyscallResult sys_migrate_pages(Task& task, const Call& call)
{
    const NodeSet from = TRY(read_nodes(call.arg[2], call.arg[1]));
    NodeSet to = TRY(read_nodes(call.arg[3], call.arg[1]));
    Process& p = *task.owner;
    if (call.arg[0] != 0 && call.arg[0] != p.pid && call.arg[0] != task.tid)
        return fail(Errno::srch);
    if ((to & ~existing_nodes()) != 0 && !may_move_all(task))
        return fail(Errno::perm);
    to &= existing_nodes();
    if (to == 0)
        return fail(Errno::inval);
    u64 left_where_they_were = 0;
    AddressSpace::AreaInfo area;
    for (UserAddr next(0); p.space.area(next, area); next = area.range.end) {
        for (UserAddr a = area.range.start; a < area.range.end;
             a = p.space.next_resident(a + page_size, area.range.end)) {
            const auto node = p.space.node_at(a);
            if (!node || (from >> node->value & 1) == 0 || (to >> node->value & 1) != 0)
                continue;
            const auto nth = count_nodes_of(from & ((1ull << node->value) - 1));
            // As on Linux, what others have too is passed over.
            const Status moved = move_page(p, a, nth_node(to, nth));
            left_where_they_were += moved || moved.error() == Errno::acces ? 0 : 1;
            if (p.dying.load(std::memory_order_relaxed))
                return fail(Errno::intr);
        }
    }
    return left_where_they_were;
}

} // namespace still
