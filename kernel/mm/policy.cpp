// SPDX-License-Identifier: BSD-2-Clause
#include <mm/policy.hpp>

namespace still {

namespace {

u32 count(NodeSet s)
{
    u32 n = 0;
    for (; s != 0; s &= s - 1)
        ++n;
    return n;
}

u32 nth(NodeSet s, u32 n)
{
    for (; n > 0; --n)
        s &= s - 1;
    return static_cast<u32>(__builtin_ctzll(s));
}

// Node n of the set is the one that has n existing nodes below it, counted round and round.
NodeSet relate(NodeSet wanted, NodeSet existing)
{
    NodeSet result = 0;
    for (u32 i = 0; i < 64; ++i)
        if ((wanted >> i & 1) != 0)
            result |= 1ull << nth(existing, i % count(existing));
    return result;
}

} // namespace

Result<MemPolicy> MemPolicy::make(u32 mode, NodeSet nodes, NodeSet existing)
{
    MemPolicy p;
    p.flags = mode & mode_flags;
    mode &= ~mode_flags;
    constexpr u32 placing = static_nodes | relative_nodes;
    if (mode > static_cast<u32>(PolicyMode::preferred_many) || (p.flags & placing) == placing)
        return fail(Errno::inval);
    p.mode = static_cast<PolicyMode>(mode);
    if ((p.flags & numa_balancing) != 0 && p.mode != PolicyMode::bind)
        return fail(Errno::inval);
    if (p.mode == PolicyMode::none) {
        if (nodes != 0)
            return fail(Errno::inval);
        return MemPolicy{};
    }
    if (p.mode == PolicyMode::local || (p.mode == PolicyMode::preferred && nodes == 0)) {
        if (nodes != 0 || (p.flags & placing) != 0)
            return fail(Errno::inval);
        p.mode = PolicyMode::local;
        return p;
    }
    p.wanted = nodes;
    p.nodes = (p.flags & relative_nodes) != 0 ? relate(nodes, existing) : nodes & existing;
    if (p.nodes == 0)
        return fail(Errno::inval);
    if (p.mode == PolicyMode::preferred)
        p.nodes &= ~(p.nodes - 1); // the first of them
    return p;
}

MemPolicy::Choice MemPolicy::choose(u64 page, u32 order, u32 near) const
{
    const u32 from = home != no_home ? static_cast<u32>(home) : near;
    switch (mode) {
    case PolicyMode::bind:
        return {from, nodes, true};
    case PolicyMode::interleave:
        return {nth(nodes, static_cast<u32>((page >> order) % count(nodes))), ~0ull, false};
    case PolicyMode::preferred:
        return {nth(nodes, 0), ~0ull, false};
    case PolicyMode::preferred_many:
        return {from, nodes, false};
    default:
        return {near, ~0ull, false};
    }
}

NodeSet MemPolicy::shown() const
{
    return (flags & (static_nodes | relative_nodes)) != 0 ? wanted : nodes;
}

} // namespace still
