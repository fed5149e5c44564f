// SPDX-License-Identifier: BSD-2-Clause
#include <gtest/gtest.h>
#include <mm/frame_owners.hpp>
#include <random>
#include <vector>

using namespace still;

namespace {

constexpr u64 n = owners::frames_per_block;

// A block and its owners, each of whom has it whole, or some of its frames.
struct Block {
    struct Owner {
        bool whole = true;
        std::vector<bool> has = std::vector<bool>(n, true);
    };

    Block() : frames(n), freed(n, 0), those(1) {}

    [[nodiscard]] u64 count(u64 frame) const
    {
        u64 sum = 0;
        for (const Owner& o : those)
            sum += o.has[frame] ? 1 : 0;
        return sum;
    }

    void take(FrameChain& chain)
    {
        while (!chain.empty()) {
            Frame& f = chain.front();
            chain.pop_front();
            const u64 first = static_cast<u64>(&f - frames.data());
            for (u64 i = first; i < first + (1ull << f.order); ++i)
                ++freed[i];
        }
    }

    void give_up_block(Owner& owner)
    {
        FrameChain unowned;
        owners::remove_from_block(frames[0], unowned);
        owner.has.assign(n, false);
        owner.whole = false;
        take(unowned);
    }

    void give_up_frame(Owner& owner, u64 i)
    {
        owner.whole = false; // a large leaf is split by then
        owner.has[i] = false;
        if (owners::remove_from_frame(&frames[0], frames[i]))
            ++freed[i];
    }

    void check() const
    {
        for (u64 i = 0; i < n; ++i) {
            ASSERT_EQ(freed[i], count(i) == 0 ? 1u : 0u) << i;
            if (count(i) == 0)
                continue;
            ASSERT_EQ(owners::has_others(&frames[0], frames[i]), count(i) > 1) << i;
        }
    }

    std::vector<Frame> frames;
    std::vector<u32> freed;
    std::vector<Owner> those;
};

} // namespace

TEST(FrameOwners, ForkAndExitTouchOneCount)
{
    Block b;
    owners::add_to_block(b.frames[0]);
    b.those.emplace_back();
    EXPECT_EQ(b.frames[0].whole_owners, 1u);
    EXPECT_EQ(b.frames[7].extra_owners, 0u);
    b.check();
    b.give_up_block(b.those[1]);
    b.check();
    b.give_up_block(b.those[0]);
    b.check();
    EXPECT_EQ(b.frames[0].order, order_2m);
}

TEST(FrameOwners, AFrameOutsideOfWholeBlocks)
{
    Frame f;
    EXPECT_FALSE(owners::has_others(nullptr, f));
    owners::add_to_frame(f);
    EXPECT_TRUE(owners::has_others(nullptr, f));
    EXPECT_FALSE(owners::remove_from_frame(nullptr, f));
    EXPECT_TRUE(owners::remove_from_frame(nullptr, f));
}

TEST(FrameOwners, EachFrameIsFreedByItsLastOwner)
{
    for (u32 seed = 0; seed < 40; ++seed) {
        std::mt19937 random(seed);
        Block b;
        for (u32 step = 0; step < 400; ++step) {
            Block::Owner& who = b.those[random() % b.those.size()];
            const u64 i = random() % n;
            if (who.whole && random() % 4 == 0 && b.those.size() < 12) {
                owners::add_to_block(b.frames[0]);
                b.those.emplace_back();
            } else if (who.whole && random() % 8 == 0) {
                b.give_up_block(who);
            } else if (who.has[i] && random() % 2 == 0) {
                owners::add_to_frame(b.frames[i]); // fork of one who has small leaves
                Block::Owner child;
                child.whole = false;
                child.has.assign(n, false);
                child.has[i] = true;
                b.those.push_back(child);
            } else if (who.has[i]) {
                b.give_up_frame(who, i);
            }
        }
        b.check();
        for (Block::Owner& o : b.those)
            for (u64 i = 0; i < n; ++i)
                if (o.has[i])
                    b.give_up_frame(o, i);
        b.check();
        for (const Frame& f : b.frames)
            ASSERT_EQ(f.extra_owners + f.whole_owners, 0u);
    }
}
