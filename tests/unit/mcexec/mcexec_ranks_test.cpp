// SPDX-License-Identifier: BSD-2-Clause
#include "ranks.hpp"

#include <stillcore/peers.h>

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

using namespace still::mcexec;
using still::ihk::CpuPlace;

namespace {

using Cpus = std::vector<uint32_t>;
using Environment = std::map<std::string, std::string>;

// One node; cores of `threads` CPUs, whose numbers lie `cores` apart, as firmware numbers them.
std::vector<CpuPlace> one_node(uint32_t cores, uint32_t threads)
{
    std::vector<CpuPlace> places;
    for (uint32_t cpu = 0; cpu < cores * threads; ++cpu) {
        places.push_back({0, cpu % cores});
    }
    return places;
}

Part part(const Options& options, const Environment& environment)
{
    const auto found = part_of(options, [&](const char* name) {
        const auto entry = environment.find(name);
        return entry == environment.end() ? nullptr : entry->second.c_str();
    });
    return found ? *found : Part{99, 0};
}

const Environment second_of_four = {{"OMPI_COMM_WORLD_LOCAL_RANK", "1"}, {"OMPI_COMM_WORLD_LOCAL_SIZE", "4"}};

void expect_part(const Part& got, uint32_t rank, uint32_t size)
{
    EXPECT_EQ(got.rank, rank);
    EXPECT_EQ(got.size, size);
}

} // namespace

TEST(Ranks, ComeFromTheLauncher)
{
    expect_part(part({}, {}), 0, 1);
    expect_part(part({}, second_of_four), 1, 4);
    expect_part(part({}, {{"MPI_LOCALRANKID", "2"}, {"MPI_LOCALNRANKS", "3"}}), 2, 3);
    // Nothing is made of what makes no sense.
    expect_part(part({}, {{"MPI_LOCALRANKID", "2"}}), 0, 1);
    expect_part(part({}, {{"MPI_LOCALRANKID", "3"}, {"MPI_LOCALNRANKS", "3"}}), 0, 1);
    expect_part(part({}, {{"MPI_LOCALRANKID", "-1"}, {"MPI_LOCALNRANKS", ""}}), 0, 1);
}

TEST(Ranks, ArePeers)
{
    const auto peer = [](const Options& options, const Environment& environment) {
        const auto found = peer_of(options, [&](const char* name) {
            const auto entry = environment.find(name);
            return entry == environment.end() ? nullptr : entry->second.c_str();
        });
        return found ? *found : Part{99, 0};
    };
    Options options;
    options.smartmap = "";
    options.cpus = {1}; // has nothing to do with it
    expect_part(peer(options, {}), STILL_PEERS_ANY_RANK, 0);
    expect_part(peer(options, second_of_four), 1, 4);
    options.ranks = 3;
    options.rank = 2;
    expect_part(peer(options, second_of_four), 2, 3);
    options.ranks = 256;
    EXPECT_EQ(peer(options, {}).rank, 99u);
    options.peer_rank = 5;
    options.peers = 6;
    expect_part(peer(options, second_of_four), 5, 6);

    const auto name = [&](const char* job) {
        return group_of(options, 77, [&](const char* variable) {
            return std::string(variable) == "PMIX_NAMESPACE" ? job : nullptr;
        });
    };
    EXPECT_EQ(name(nullptr), "of 77");
    EXPECT_EQ(name("prte-7@1"), "job prte-7@1");
    EXPECT_EQ(name(std::string(100, 'x').c_str()).size(), 63u);
    options.smartmap = "mine";
    EXPECT_EQ(name("prte"), "mine");
}

TEST(Ranks, ObeyTheOptions)
{
    Options options;
    options.cpus = {1};
    expect_part(part(options, second_of_four), 0, 1); // -c alone is meant as it stands
    options.ranks = 2;
    expect_part(part(options, second_of_four), 1, 2);
    expect_part(part(options, {}), 99, 0); // nobody says which
    expect_part(part(options, {{"MPI_LOCALRANKID", "2"}, {"MPI_LOCALNRANKS", "3"}}), 99, 0);
    options.rank = 0;
    expect_part(part(options, second_of_four), 0, 2);
    options.rank.reset();
    options.ranks = 1;
    expect_part(part(options, second_of_four), 0, 1);
    Options executed;
    executed.exec = "/bin/true";
    expect_part(part(executed, second_of_four), 0, 1);
}

TEST(Ranks, GetWholeCores)
{
    const auto places = one_node(4, 2);
    EXPECT_EQ(share_of(places, {}, {0, 2}), (Cpus{0, 1, 4, 5}));
    EXPECT_EQ(share_of(places, {}, {1, 2}), (Cpus{2, 3, 6, 7}));
    EXPECT_EQ(share_of(places, {}, {2, 4}), (Cpus{2, 6}));
    EXPECT_EQ(share_of(places, {}, {2, 3}), (Cpus{2, 3, 6, 7}));
    EXPECT_EQ(share_of(places, {}, {5, 8}), (Cpus{6}));
    EXPECT_EQ(share_of(places, {1, 2}, {1, 2}), (Cpus{2}));
    EXPECT_EQ(share_of(places, {9}, {1, 2}), (Cpus{9})); // for the LWK to refuse
}

TEST(Ranks, StayOnTheirNode)
{
    // One CPU on node 0, three on node 1, numbered across.
    const std::vector<CpuPlace> places = {{1, 4}, {0, 0}, {1, 5}, {1, 6}};
    EXPECT_EQ(share_of(places, {}, {0, 2}), (Cpus{1}));
    EXPECT_EQ(share_of(places, {}, {1, 2}), (Cpus{0, 2, 3}));
    EXPECT_EQ(share_of(places, {}, {0, 3}), (Cpus{1}));
    EXPECT_EQ(share_of(places, {}, {2, 3}), (Cpus{2, 3}));
}

TEST(Ranks, LeaveNobodyWithoutAndNothingOver)
{
    for (uint32_t cores = 1; cores <= 5; ++cores) {
        for (uint32_t threads = 1; threads <= 2; ++threads) {
            for (uint32_t size = 1; size <= 13; ++size) {
                auto places = one_node(cores, threads);
                for (uint32_t cpu = 0; cpu < cores; cpu += 3) {
                    places[cpu].node = 1;
                    places[cpu].core += 100;
                }
                std::multiset<uint32_t> all;
                for (uint32_t rank = 0; rank < size; ++rank) {
                    const Cpus mine = share_of(places, {}, {rank, size});
                    EXPECT_FALSE(mine.empty()) << cores << " " << threads << " " << rank << "/" << size;
                    all.insert(mine.begin(), mine.end());
                }
                EXPECT_EQ(std::set<uint32_t>(all.begin(), all.end()).size(), places.size());
                if (size <= places.size()) {
                    EXPECT_EQ(all.size(), places.size()) << cores << " " << threads << " " << size;
                }
            }
        }
    }
}
