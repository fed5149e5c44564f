// SPDX-License-Identifier: BSD-2-Clause
#include <gtest/gtest.h>
#include <mm/buddy.hpp>
#include <random>
#include <vector>

using namespace still;

namespace {

struct Memory {
    explicit Memory(u64 start, u64 frames) : metadata(frames)
    {
        zone.start = PhysAddr(start);
        zone.count = frames;
        zone.frames = metadata.data();
        buddy.add(zone, zone.start, zone.start + frames * page_size);
    }
    std::vector<Frame> metadata;
    Zone zone;
    BuddyAllocator buddy;
};

} // namespace

TEST(Buddy, GivesAlignedBlocksAndTakesThemBack)
{
    Memory m(4 * MiB, 4096);
    const u64 all = m.buddy.free_bytes();
    EXPECT_EQ(all, 16 * MiB);
    for (u32 order = 0; order <= order_2m; ++order) {
        Frame* f = m.buddy.allocate(order);
        ASSERT_NE(f, nullptr);
        EXPECT_TRUE(f->address().aligned(order_bytes(order)));
        EXPECT_EQ(m.buddy.free_bytes(), all - order_bytes(order));
        m.buddy.release(m.zone, f, order);
        EXPECT_EQ(m.buddy.free_bytes(), all);
    }
}

TEST(Buddy, HasNothingLargerThanItsZone)
{
    Memory m(0, 1024); // 4 MiB
    EXPECT_EQ(m.buddy.allocate(11), nullptr);
    EXPECT_NE(m.buddy.allocate(10), nullptr);
    EXPECT_EQ(m.buddy.allocate(0), nullptr);
}

TEST(Buddy, OddStartAndEndAreUsed)
{
    Memory m(3 * page_size, 1021);
    u64 n = 0;
    while (m.buddy.allocate(0) != nullptr)
        ++n;
    EXPECT_EQ(n, 1021u);
}

TEST(Buddy, PiecesOfABlockMergeAgain)
{
    Memory m(2 * MiB, 512);
    Frame* f = m.buddy.allocate(order_2m);
    ASSERT_NE(f, nullptr);
    for (u32 i = 0; i < 512; ++i)
        m.buddy.release(m.zone, f + (i * 37) % 512, 0);
    EXPECT_EQ(m.buddy.allocate(order_2m), f);
}

TEST(Buddy, RandomLifeNeverOverlapsAndEndsWhole)
{
    Memory m(0, 1 << 14);
    const u64 all = m.buddy.free_bytes();
    std::vector<u8> owner(1 << 14, 0);
    std::vector<std::pair<Frame*, u32>> held;
    std::mt19937 random(1);
    for (int step = 0; step < 200'000; ++step) {
        if (random() % 2 == 0 || held.empty()) {
            const u32 order = random() % 10;
            Frame* f = m.buddy.allocate(order);
            if (f == nullptr)
                continue;
            for (u64 i = 0; i < (1ull << order); ++i) {
                ASSERT_EQ(owner[f->number + i], 0);
                owner[f->number + i] = 1;
            }
            held.emplace_back(f, order);
        } else {
            const auto at = random() % held.size();
            auto [f, order] = held[at];
            held[at] = held.back();
            held.pop_back();
            for (u64 i = 0; i < (1ull << order); ++i)
                owner[f->number + i] = 0;
            m.buddy.release(m.zone, f, order);
        }
    }
    for (auto [f, order] : held)
        m.buddy.release(m.zone, f, order);
    EXPECT_EQ(m.buddy.free_bytes(), all);
    EXPECT_NE(m.buddy.allocate(14), nullptr);
}
