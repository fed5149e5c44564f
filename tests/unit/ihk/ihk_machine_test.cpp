// SPDX-License-Identifier: BSD-2-Clause
#include "ihk/machine.hpp"

#include <gtest/gtest.h>

using namespace still::ihk;

namespace {

// Two packages of two cores with two threads; the instance has one core of the first and one and a half of the
// second.
Machine machine()
{
    Machine m;
    m.cpus = {{2, 0}, {3, 0}, {4, 1}, {5, 1}, {6, 1}};
    m.distances = {{10, 21}, {21, 10}};
    m.has_memory = {true, false};
    m.thread_shift = 1;
    m.package_shift = 2;
    m.caches = {{{{"level", "1\n"}, {"type", "Data\n"}}, 1}, {{{"level", "3\n"}}, 2}};
    m.cpuinfo = "processor\t: 0\nmodel name\t: A: b\nphysical id\t: 0\nsiblings\t: 4\ncore id\t\t: 0\ncpu "
                "cores\t: 2\n"
                "apicid\t\t: 0\npower management:\n";
    m.kernel_max = 8191;
    return m;
}

} // namespace

TEST(Machine, CpusAreNumberedFromZero)
{
    const Tree tree = machine_tree(machine());
    EXPECT_EQ(tree.at("devices/system/cpu/online").text, "0-4\n");
    EXPECT_EQ(tree.at("devices/system/cpu/offline").text, "\n");
    EXPECT_EQ(tree.at("devices/system/cpu/cpu2/topology/physical_package_id").text, "1\n");
    EXPECT_EQ(tree.at("devices/system/cpu/cpu0/topology/core_id").text, "1\n");
    EXPECT_EQ(tree.at("devices/system/cpu/cpu4/topology/core_id").text, "1\n");
    EXPECT_EQ(tree.at("devices/system/cpu/cpu1/topology/thread_siblings").text, "03\n");
    EXPECT_EQ(tree.at("devices/system/cpu/cpu4/topology/thread_siblings_list").text, "4\n");
    EXPECT_EQ(tree.at("devices/system/cpu/cpu4/topology/core_siblings_list").text, "2-4\n");
    EXPECT_FALSE(tree.contains("devices/system/cpu/cpu5/topology/core_id"));
    EXPECT_EQ(tree.at("bus/cpu/devices/cpu4"), (TreeFile{"../../../devices/system/cpu/cpu4", true}));
}

TEST(Machine, CachesAreSharedByApicId)
{
    const Tree tree = machine_tree(machine());
    EXPECT_EQ(tree.at("devices/system/cpu/cpu2/cache/index0/shared_cpu_list").text, "2-3\n");
    EXPECT_EQ(tree.at("devices/system/cpu/cpu2/cache/index1/shared_cpu_map").text, "1c\n");
    EXPECT_EQ(tree.at("devices/system/cpu/cpu2/cache/index1/id").text, "1\n");
    EXPECT_EQ(tree.at("devices/system/cpu/cpu0/cache/index0/type").text, "Data\n");
}

TEST(Machine, NodesAreTheInstancesOwn)
{
    const Tree tree = machine_tree(machine());
    EXPECT_EQ(tree.at("devices/system/node/online").text, "0-1\n");
    EXPECT_EQ(tree.at("devices/system/node/has_memory").text, "0\n");
    EXPECT_EQ(tree.at("devices/system/node/node1/cpulist").text, "2-4\n");
    EXPECT_EQ(tree.at("devices/system/node/node0/distance").text, "10 21\n");
    EXPECT_EQ(tree.at("devices/system/node/node1/cpu2"), (TreeFile{"../../cpu/cpu2", true}));
    EXPECT_EQ(tree.at("devices/system/cpu/cpu0/node0").text, "../../node/node0");
}

TEST(Machine, CpuinfoHasABlockForEach)
{
    const std::string text = machine_tree(machine()).at("cpuinfo").text;
    EXPECT_TRUE(text.starts_with(
        "processor\t: 0\nmodel name\t: A: b\nphysical id\t: 0\nsiblings\t: 2\ncore id\t\t: 1\n"
        "cpu cores\t: 1\napicid\t\t: 2\npower management:\n\nprocessor\t: 1\n"))
        << text;
    EXPECT_NE(text.find("processor\t: 4\nmodel name\t: A: b\nphysical id\t: 1\nsiblings\t: 3\ncore id\t\t: "
                        "1\ncpu cores\t: 2"),
              std::string::npos)
        << text;
}

TEST(Machine, Masks)
{
    EXPECT_EQ(sysfs_mask({0, 2}, 4), "5\n");
    EXPECT_EQ(sysfs_mask({33}, 40), "02,00000000\n");
    EXPECT_EQ(sysfs_list({}), "\n");
}
