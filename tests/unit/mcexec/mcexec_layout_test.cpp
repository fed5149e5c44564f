// SPDX-License-Identifier: BSD-2-Clause
#include "layout.hpp"

#include <gtest/gtest.h>

#include <random>

using namespace still::mcexec;

namespace {

constexpr const char* maps =
    "555556789000-5555567ab000 rw-p 00000000 00:00 0                          [heap]\n"
    "7f12a0000000-7f12a0021000 r--p 00000000 fd:01 123                        /usr/bin/mcexec\n"
    "7f12a0021000-7f12a0100000 r-xp 00021000 fd:01 123                        /usr/bin/mcexec\n"
    "7ffe00000000-7ffe00021000 rw-p 00000000 00:00 0                          [stack]\n"
    "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n";

ElfImage image(bool pie, uint64_t low, uint64_t high)
{
    ElfImage elf;
    elf.position_independent = pie;
    elf.low = low;
    elf.high = high;
    return elf;
}

} // namespace

TEST(Layout, LeavesOutTheHeapAndWhatLiesAbove)
{
    const auto ranges = find_app_ranges(maps);
    ASSERT_TRUE(ranges);
    ASSERT_EQ(ranges->size(), 2u);
    EXPECT_EQ((*ranges)[0].start, 0x10000u);
    EXPECT_EQ((*ranges)[0].end, 0x555000000000u);
    EXPECT_EQ((*ranges)[1].start, 0x557000000000u);
    EXPECT_EQ((*ranges)[1].end, 0x7f0280000000u);
    EXPECT_TRUE(ranges_are_free(maps, *ranges));
    EXPECT_FALSE(ranges_are_free("600000000000-600000001000 r--p 0 0:0 0\n", *ranges));
}

TEST(Layout, RefusesABottomUpLayout)
{
    EXPECT_FALSE(find_app_ranges("2aaaaaaab000-2aaaaaaac000 r--p 00000000 00:00 0\n"));
    EXPECT_FALSE(find_app_ranges("what\n"));
}

TEST(Layout, PlacesEverythingInsideAndApart)
{
    const auto ranges = find_app_ranges(maps);
    std::mt19937_64 engine(1);
    const ElfImage main = image(true, 0, 0x200000);
    const ElfImage interpreter = image(true, 0, 0x40000);
    for (int round = 0; round < 10'000; ++round) {
        const bool random = round != 0;
        const auto p = place({*ranges, main, &interpreter, 8u << 20, 0x6000},
                             [&](uint64_t bound) { return random ? engine() % bound : 0; });
        ASSERT_TRUE(p);
        EXPECT_GE(p->main_bias, 0x558000000000u);
        EXPECT_LE(p->main_bias + main.high, 0x568000000000u);
        EXPECT_GE(p->brk_start, p->main_bias + main.high);
        EXPECT_LT(p->brk_start, p->interpreter_bias);
        EXPECT_LE(p->interpreter_bias + interpreter.high, p->mmap_top);
        EXPECT_LT(p->mmap_top, p->stack_start);
        EXPECT_EQ(p->stack_top - p->stack_start, 128u << 20);
        EXPECT_LT(p->stack_top, p->vdso);
        EXPECT_LE(p->vdso + 0x6000, (*ranges)[1].end);
        EXPECT_EQ((p->main_bias | p->interpreter_bias | p->brk_start | p->mmap_top | p->stack_top | p->vdso) %
                      page_size,
                  0u);
    }
}

TEST(Layout, PutsAMemberOfAGroupBelowItsEnd)
{
    const auto zero = [](uint64_t) { return uint64_t{0}; };
    const std::vector<still_range> app = {smartmap_range};
    const ElfImage interpreter = image(true, 0, 0x40000);
    for (const bool pie : {false, true}) {
        const ElfImage main = image(pie, pie ? 0 : 0x400000, 0x600000);
        const auto p = place({app, main, &interpreter, ~0ull, 0x6000, true}, zero);
        ASSERT_TRUE(p);
        EXPECT_EQ(p->main_bias, pie ? 16ull << 30 : 0u);
        EXPECT_LT(p->interpreter_bias, p->mmap_top);
        EXPECT_EQ(p->stack_top - p->stack_start, 64ull << 30); // no limit
        EXPECT_LE(p->vdso + 0x6000, STILL_PEERS_END);
    }
}

TEST(Layout, SlotsLieWhereTheProgramsAddressesWouldBe)
{
    const auto ranges = find_app_ranges(maps);
    const auto two = find_slots(*ranges, 2);
    ASSERT_EQ(two.size(), 1u);
    EXPECT_EQ(two[0].start, 1ull << 39);
    EXPECT_EQ(two[0].end, 3ull << 39);
    const auto open = find_slots(*ranges, 0);
    ASSERT_EQ(open.size(), 1u);
    EXPECT_EQ(open[0].end, 128ull << 39);
    const auto read_only = find_read_only_slots(*ranges, 2);
    ASSERT_EQ(read_only.size(), 1u);
    EXPECT_EQ(read_only[0].start, 129ull << 39);
    EXPECT_EQ(read_only[0].end, 131ull << 39);
    EXPECT_TRUE(find_read_only_slots(*ranges, 128).empty());
    const auto all = find_slots(*ranges, 255);
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].end, own_hole.start);
    EXPECT_EQ(all[1].end, (*ranges)[1].end);
    // No member has memory where the hole is in the slot that it lies in.
    EXPECT_GE(own_hole.start % (1ull << 39), STILL_PEERS_END);
}

TEST(Layout, KeepsLinkAddressesAndRefusesTakenOnes)
{
    const auto ranges = find_app_ranges(maps);
    const auto zero = [](uint64_t) { return uint64_t{0}; };
    const auto at = [&](uint64_t low, uint64_t high) {
        const ElfImage main = image(false, low, high);
        return place({*ranges, main, nullptr, ~0ull, 0}, zero);
    };
    const auto p = at(0x400000, 0x500000);
    ASSERT_TRUE(p);
    EXPECT_EQ(p->main_bias, 0u);
    EXPECT_EQ(p->brk_start, 0x500000u);
    EXPECT_EQ(p->stack_top - p->stack_start, 1ull << 40); // no limit
    EXPECT_EQ(mapped_stack(*p, p->stack_top - 5000), p->stack_top - 0x22000);
    EXPECT_EQ(mapped_stack(*p, p->stack_start + 100), p->stack_start);
    EXPECT_FALSE(at(0x1000, 0x2000));
    EXPECT_FALSE(at(0x555555555000, 0x555555556000));
    EXPECT_FALSE(at(0x7f0270000000, 0x7f0270001000));
    EXPECT_FALSE(at(0x7f0300000000, 0x7f0300001000));
}

TEST(Layout, GapsLieBetweenMappings)
{
    const char* three = "1000-3000 r--p 0\n5000-6000 rw-p 0\n9000-a000 rw-p 0\n";
    const auto is = [&](still_range range, std::vector<std::pair<uint64_t, uint64_t>> expected) {
        std::vector<std::pair<uint64_t, uint64_t>> got;
        for (const still_range& gap : gaps_within(three, range)) {
            got.emplace_back(gap.start, gap.end);
        }
        EXPECT_EQ(got, expected);
    };
    is({0x2000, 0xb000}, {{0x3000, 0x5000}, {0x6000, 0x9000}, {0xa000, 0xb000}});
    is({0x3000, 0x4000}, {{0x3000, 0x4000}});
    is({0x5000, 0x6000}, {});
    is({0x0, 0x1000}, {{0x0, 0x1000}});
    is({0xb000, 0xc000}, {{0xb000, 0xc000}});
}
