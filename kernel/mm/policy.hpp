// SPDX-License-Identifier: BSD-2-Clause
// Memory policies as set_mempolicy(2) and mbind(2) have them: on which node a page is to lie. Pure.
#pragma once

#include <base/result.hpp>
#include <base/types.hpp>
#include <stillcore/types.h>

namespace still {

enum class PolicyMode : u8 {
    none = 0,
    preferred = 1,
    bind = 2,
    interleave = 3,
    local = 4,
    preferred_many = 5
};

using NodeSet = u64; // bit n: node n
static_assert(STILL_MAX_NODES <= 64);

struct MemPolicy {
    static constexpr u32 static_nodes = 0x8000, relative_nodes = 0x4000, numa_balancing = 0x2000;
    static constexpr u32 mode_flags = static_nodes | relative_nodes | numa_balancing;
    static constexpr i32 no_home = -1;

    PolicyMode mode = PolicyMode::none;
    u32 flags = 0;
    NodeSet wanted = 0; // as the program gave them
    NodeSet nodes = 0;  // of these, or by relation to these, the ones that exist
    i32 home = no_home; // set_mempolicy_home_node(2)

    bool operator==(const MemPolicy&) const = default;

    // What a program means by mode (with flags) and nodes. inval: Linux refuses it, too.
    static Result<MemPolicy> make(u32 mode, NodeSet nodes, NodeSet existing);

    // Where one block of 2^order pages for that address may come from; near is the CPU's node.
    struct Choice {
        u32 first;       // the node to begin at
        NodeSet allowed; // first these, by distance
        bool strict;     // and no others
    };
    [[nodiscard]] Choice choose(u64 page, u32 order, u32 near) const;
    // What get_mempolicy(2) shows.
    [[nodiscard]] NodeSet shown() const;
};

} // namespace still
