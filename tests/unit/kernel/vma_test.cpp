// SPDX-License-Identifier: BSD-2-Clause
#include <gtest/gtest.h>
#include <map>
#include <mm/vma.hpp>
#include <random>

using namespace still;

namespace {

int live = 0;

VmaSource heap()
{
    return {[](void*) {
                ++live;
                return new Vma;
            },
            [](void*, Vma* v) {
                --live;
                delete v;
            },
            nullptr};
}

UserRange pages(u64 from, u64 to)
{
    return {UserAddr(from * page_size), UserAddr(to * page_size)};
}

Vma anonymous(u64 from, u64 to, u8 prot = prot_read | prot_write)
{
    Vma v;
    v.range = pages(from, to);
    v.prot = prot;
    return v;
}

} // namespace

TEST(VmaMap, MergesWhatContinues)
{
    VmaMap map(heap());
    ASSERT_TRUE(map.insert(anonymous(10, 20)));
    ASSERT_TRUE(map.insert(anonymous(30, 40)));
    ASSERT_TRUE(map.insert(anonymous(20, 30)));
    EXPECT_EQ(map.count(), 1u);
    EXPECT_EQ(map.mapped_bytes(), 30 * page_size);
    ASSERT_TRUE(map.insert(anonymous(40, 50, prot_read)));
    EXPECT_EQ(map.count(), 2u);
}

TEST(VmaMap, SplitsAndFindsTheParts)
{
    VmaMap map(heap());
    ASSERT_TRUE(map.insert(anonymous(10, 40)));
    ASSERT_TRUE(map.split_around(pages(20, 30)));
    EXPECT_EQ(map.count(), 3u);
    EXPECT_EQ(map.find(UserAddr(25 * page_size))->range.start, UserAddr(20 * page_size));
    EXPECT_EQ(map.find(UserAddr(40 * page_size)), nullptr);
    (void)map.erase(map.first_behind(UserAddr(20 * page_size)));
    EXPECT_FALSE(map.overlaps(pages(20, 30)));
    EXPECT_TRUE(map.overlaps(pages(20, 31)));
    EXPECT_EQ(map.mapped_bytes(), 20 * page_size);
}

TEST(VmaMap, CountsAFilesReferences)
{
    VmaMap map(heap());
    MappedFile file;
    Vma v = anonymous(10, 40);
    v.kind = VmaKind::file;
    v.file = &file;
    v.file_offset = 5 * page_size;
    ASSERT_TRUE(map.insert(v));
    ASSERT_TRUE(map.split_around(pages(20, 30)));
    EXPECT_EQ(file.refs, 3u);
    EXPECT_EQ(map.find(UserAddr(20 * page_size))->file_offset, 15 * page_size);
    map.merge_around(pages(20, 30));
    EXPECT_EQ(file.refs, 1u);
    EXPECT_EQ(map.count(), 1u);
    EXPECT_EQ(map.erase(map.first_behind(UserAddr(0))), &file);
}

TEST(VmaMap, FindsTheHighestGap)
{
    VmaMap map(heap());
    const UserRange bounds = pages(16, 1000);
    EXPECT_EQ(*map.find_gap(10 * page_size, page_size, bounds), UserAddr(990 * page_size));
    ASSERT_TRUE(map.insert(anonymous(995, 1000)));
    EXPECT_EQ(*map.find_gap(10 * page_size, page_size, bounds), UserAddr(985 * page_size));
    ASSERT_TRUE(map.insert(anonymous(16, 900)));
    EXPECT_EQ(*map.find_gap(95 * page_size, page_size, bounds), UserAddr(900 * page_size));
    EXPECT_FALSE(map.find_gap(96 * page_size, page_size, bounds));
    EXPECT_FALSE(map.find_gap(0, page_size, bounds));
    // Aligned: 512 pages would have to start at page 512.
    EXPECT_FALSE(map.find_gap(64 * page_size, 512 * page_size, bounds));
}

TEST(VmaMap, AgreesWithAPlainModel)
{
    {
        VmaMap map(heap());
        std::map<u64, u8> model; // page -> protection
        std::mt19937 random(7);
        for (int step = 0; step < 20'000; ++step) {
            const u64 from = random() % 200;
            const u64 to = from + 1 + random() % 20;
            const u8 prot = random() % 4;
            ASSERT_TRUE(map.split_around(pages(from, to)));
            for (auto it = map.first_behind(UserAddr(from * page_size));
                 it != map.end() && it->range.start < UserAddr(to * page_size);) {
                auto next = it;
                ++next;
                (void)map.erase(it);
                it = next;
            }
            for (u64 p = from; p < to; ++p)
                model.erase(p);
            if (random() % 3 != 0) {
                ASSERT_TRUE(map.insert(anonymous(from, to, prot)));
                for (u64 p = from; p < to; ++p)
                    model[p] = prot;
            }
            for (u64 p = 0; p < 220; ++p) {
                const Vma* v = map.find(UserAddr(p * page_size));
                const auto m = model.find(p);
                ASSERT_EQ(v != nullptr, m != model.end());
                if (v != nullptr) {
                    ASSERT_EQ(v->prot, m->second);
                }
            }
            ASSERT_EQ(map.mapped_bytes(), model.size() * page_size);
        }
    }
    EXPECT_EQ(live, 0);
}

TEST(VmaMap, LackOfMemoryChangesNothing)
{
    static bool empty = false;
    VmaMap map({[](void*) { return empty ? nullptr : new Vma; }, [](void*, Vma* v) { delete v; }, nullptr});
    ASSERT_TRUE(map.insert(anonymous(10, 40)));
    empty = true;
    EXPECT_EQ(map.insert(anonymous(50, 60)).error(), Errno::nomem);
    EXPECT_EQ(map.split_around(pages(20, 30)).error(), Errno::nomem);
    EXPECT_EQ(map.count(), 1u);
    EXPECT_EQ(map.find(UserAddr(10 * page_size))->range.size(), 30 * page_size);
    empty = false;
}

TEST(VmaMap, WhatLeavesHasNoHoles)
{
    VmaMap map(heap());
    ASSERT_TRUE(map.insert(anonymous(10, 20)));
    ASSERT_TRUE(map.insert(anonymous(30, 40)));
    EXPECT_FALSE(map.only_leaving(pages(15, 25)));
    ASSERT_TRUE(map.fill_holes(pages(5, 50)));
    EXPECT_EQ(map.count(), 5u);
    EXPECT_EQ(map.mapped_bytes(), 20 * page_size); // a hole counts as nothing
    for (const auto& hole : {pages(5, 10), pages(20, 30), pages(40, 50)}) {
        EXPECT_TRUE(map.only_leaving(hole));
        EXPECT_EQ(map.find(hole.start)->range.end, hole.end);
        (void)map.erase(map.first_behind(hole.start));
    }
    EXPECT_EQ(map.count(), 2u);
    EXPECT_EQ(map.mapped_bytes(), 20 * page_size);
}

// Whoever unmaps or reserves a range finds it again as the one area that it was, whatever others say of its parts.
TEST(VmaMap, NobodySplitsWhatLeaves)
{
    VmaMap map(heap());
    Vma leaving = anonymous(10, 20);
    leaving.kind = VmaKind::leaving;
    ASSERT_TRUE(map.insert(leaving));
    ASSERT_TRUE(map.insert(anonymous(20, 30)));
    ASSERT_TRUE(map.split_around(pages(15, 25)));
    EXPECT_EQ(map.find(UserAddr(10 * page_size))->range.end, UserAddr(20 * page_size));
    EXPECT_EQ(map.find(UserAddr(20 * page_size))->range.end, UserAddr(25 * page_size));
    EXPECT_EQ(map.count(), 3u);
}

TEST(VmaMap, HolesAreFilledAllOrNone)
{
    static int left;
    left = 3;
    VmaMap map(
        {[](void*) { return left-- > 0 ? new Vma : nullptr; }, [](void*, Vma* v) { delete v; }, nullptr});
    ASSERT_TRUE(map.insert(anonymous(10, 20)));
    ASSERT_TRUE(map.insert(anonymous(30, 40)));
    EXPECT_FALSE(map.fill_holes(pages(5, 50)));
    EXPECT_EQ(map.count(), 2u);
    EXPECT_FALSE(map.overlaps(pages(5, 10)));
}
