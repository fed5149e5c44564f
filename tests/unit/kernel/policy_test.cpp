// SPDX-License-Identifier: BSD-2-Clause
#include <gtest/gtest.h>
#include <mm/policy.hpp>

namespace still {

namespace {

constexpr u32 bind = 2, interleave = 3, local = 4, preferred = 1, many = 5;

Errno refused(u32 mode, NodeSet nodes, NodeSet existing = 0b1011)
{
    const auto p = MemPolicy::make(mode, nodes, existing);
    return p ? Errno{} : p.error();
}

MemPolicy made(u32 mode, NodeSet nodes, NodeSet existing = 0b1011)
{
    const auto p = MemPolicy::make(mode, nodes, existing);
    EXPECT_TRUE(p.has_value());
    return p.value_or(MemPolicy{});
}

} // namespace

TEST(Policy, RefusesWhatLinuxRefuses)
{
    EXPECT_EQ(refused(6, 1), Errno::inval);
    EXPECT_EQ(refused(0, 1), Errno::inval);
    EXPECT_EQ(refused(bind, 0), Errno::inval);
    EXPECT_EQ(refused(bind, 0b100), Errno::inval); // does not exist
    EXPECT_EQ(refused(local, 1), Errno::inval);
    EXPECT_EQ(refused(bind | MemPolicy::static_nodes | MemPolicy::relative_nodes, 1), Errno::inval);
    EXPECT_EQ(refused(preferred | MemPolicy::static_nodes, 0), Errno::inval);
    EXPECT_EQ(refused(interleave | MemPolicy::numa_balancing, 1), Errno::inval);
}

TEST(Policy, AnEmptyPreferenceIsLocal)
{
    EXPECT_EQ(made(preferred, 0).mode, PolicyMode::local);
    EXPECT_EQ(made(preferred, 0).shown(), 0u);
}

TEST(Policy, RelativeNodesAreCountedRoundTheExistingOnes)
{
    const MemPolicy p = made(bind | MemPolicy::relative_nodes, 0b100110);
    // Existing are 0, 1, 3: node 1 -> 1, node 2 -> 3, node 5 -> 5 % 3 = 2 -> 3.
    EXPECT_EQ(p.nodes, 0b1010u);
    EXPECT_EQ(p.shown(), 0b100110u);
    EXPECT_EQ(made(bind, 0b111).shown(), 0b011u);
}

TEST(Policy, InterleavesPageByPage)
{
    const MemPolicy p = made(interleave, 0b1011);
    EXPECT_EQ(p.choose(0, 0, 1).first, 0u);
    EXPECT_EQ(p.choose(1, 0, 1).first, 1u);
    EXPECT_EQ(p.choose(2, 0, 1).first, 3u);
    EXPECT_EQ(p.choose(3, 0, 1).first, 0u);
    EXPECT_EQ(p.choose(512, 9, 1).first, 1u);
    EXPECT_FALSE(p.choose(0, 0, 1).strict);
}

TEST(Policy, BindsAndPrefers)
{
    const MemPolicy b = made(bind, 0b1010);
    EXPECT_TRUE(b.choose(7, 0, 0).strict);
    EXPECT_EQ(b.choose(7, 0, 0).allowed, 0b1010u);
    EXPECT_EQ(made(preferred, 0b1010).choose(7, 0, 0).first, 1u);
    MemPolicy m = made(many, 0b1010);
    m.home = 3;
    EXPECT_EQ(m.choose(7, 0, 0).first, 3u);
    EXPECT_FALSE(m.choose(7, 0, 0).strict);
}

} // namespace still
