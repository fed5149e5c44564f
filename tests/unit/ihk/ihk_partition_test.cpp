// SPDX-License-Identifier: BSD-2-Clause
#include "ihk/partition.hpp"

#include <gtest/gtest.h>
#include <stillcore/ioctl_admin.h>

using namespace still::ihk;

namespace {

constexpr uint64_t mib = 1ull << 20;

Topology machine(uint32_t cpus, uint32_t nodes, uint64_t memory)
{
    Topology t;
    for (uint32_t cpu = 0; cpu < cpus; ++cpu) {
        t.online.push_back(cpu);
        t.node_of_cpu[cpu] = cpu * nodes / cpus;
    }
    t.present = t.online;
    t.memory = memory;
    for (uint32_t node = 0; node < nodes; ++node) {
        t.node_memory[node] = memory / nodes;
    }
    return t;
}

} // namespace

TEST(Partition, DefaultIsTheUpperHalfAndAQuarter)
{
    const Topology t = machine(4, 1, 3934 * mib);
    EXPECT_EQ(*default_cpus(t), (std::vector<uint32_t>{2, 3}));
    EXPECT_EQ(default_memory(t), 896 * mib);
    EXPECT_FALSE(default_cpus(machine(1, 1, 1024 * mib)));
    EXPECT_EQ(*default_cpus(machine(3, 1, 1024 * mib)), (std::vector<uint32_t>{2}));
}

TEST(Partition, MemoryFollowsTheCpus)
{
    const Topology t = machine(8, 2, 16384 * mib);
    EXPECT_EQ(*spread_memory(t, {4, 5, 6, 7}, 1024 * mib), (std::vector<MemItem>{{1, 1024 * mib}}));
    EXPECT_EQ(*spread_memory(t, {2, 3, 4, 5}, 1024 * mib),
              (std::vector<MemItem>{{0, 512 * mib}, {1, 512 * mib}}));
    EXPECT_EQ(*spread_memory(t, {3, 4, 5}, 384 * mib),
              (std::vector<MemItem>{{0, 128 * mib}, {1, 256 * mib}}));
    EXPECT_EQ(*spread_memory(t, {3, 4}, 132 * mib), (std::vector<MemItem>{{0, 64 * mib}, {1, 68 * mib}}));
    EXPECT_FALSE(spread_memory(t, {3}, 130 * mib));
    EXPECT_FALSE(spread_memory(t, {3}, 0));
}

TEST(Partition, NamesWhatIsNotThere)
{
    Topology t = machine(4, 1, 4096 * mib);
    EXPECT_TRUE(check_cpus(t, {2, 3}));
    EXPECT_NE(check_cpus(t, {9}).error().message.find("no CPU 9"), std::string::npos);
    EXPECT_FALSE(check_cpus(t, {0, 1, 2, 3}));
    t.online = {0, 1, 2};
    EXPECT_NE(check_cpus(t, {3}).error().message.find("not online"), std::string::npos);
    EXPECT_FALSE(check_memory(t, {{1, 4 * mib}}));
    EXPECT_FALSE(check_memory(t, {{0, 8192 * mib}}));
    EXPECT_TRUE(check_memory(t, {{0, STILL_MEM_ALL}}));
}

TEST(Topology, ReadsThisMachine)
{
    const auto t = read_topology();
    ASSERT_TRUE(t);
    EXPECT_FALSE(t->online.empty());
    EXPECT_GT(t->memory, mib);
    EXPECT_FALSE(t->node_memory.empty());
    EXPECT_FALSE(read_topology("/nonexistent"));
}
