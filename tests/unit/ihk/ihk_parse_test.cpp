// SPDX-License-Identifier: BSD-2-Clause
#include "ihk/parse.hpp"

#include <gtest/gtest.h>
#include <stillcore/ioctl_admin.h>

#include <random>

using namespace still::ihk;

TEST(CpuList, KeepsTheOrder)
{
    EXPECT_EQ(*parse_cpu_list("1-3,9"), (std::vector<uint32_t>{1, 2, 3, 9}));
    EXPECT_EQ(*parse_cpu_list("9,1-3"), (std::vector<uint32_t>{9, 1, 2, 3}));
    EXPECT_EQ(*parse_cpu_list("0"), (std::vector<uint32_t>{0}));
    EXPECT_EQ(format_cpu_list({1, 2, 3, 9}), "1-3,9");
    EXPECT_EQ(format_cpu_list({9, 1, 2}), "9,1-2");
    EXPECT_EQ(format_cpu_list({}), "");
}

TEST(CpuList, RefusesWhatIsMalformed)
{
    for (const char* bad :
         {"",      ",",   "1,",    ",1", "1,,2", "1-",  "-1",  "1--2",  "3-1",  "1-2-3",
          "a",     "1a",  " 1",    "1 ", "+1",   "0x1", "1,1", "1-3,2", "4096", "99999999999999999999999",
          "0-300", "1;2", "1-4095"}) {
        const auto answer = parse_cpu_list(bad);
        ASSERT_FALSE(answer) << bad;
        EXPECT_NE(answer.error().message.find(bad), std::string::npos) << answer.error().message;
    }
}

TEST(MemSpec, ReadsSizesAndNodes)
{
    const auto answer = parse_mem_spec("512m@0,1g@1,all@2,8192K@3", NodeRule::required);
    ASSERT_TRUE(answer);
    EXPECT_EQ(*answer, (std::vector<MemItem>{
                           {0, 512ull << 20}, {1, 1ull << 30}, {2, STILL_MEM_ALL}, {3, 8ull << 20}}));
    EXPECT_EQ(format_mem_spec(*answer), "512m@0,1g@1,all@2,8m@3");
    EXPECT_FALSE(parse_mem_spec("512m", NodeRule::required));
    EXPECT_EQ(*parse_mem_spec("512m", NodeRule::optional),
              (std::vector<MemItem>{{std::nullopt, 512ull << 20}}));
}

TEST(MemSpec, RefusesWhatIsMalformed)
{
    for (const char* bad : {"",
                            "@",
                            "@0",
                            "1g@",
                            "g@0",
                            "1x@0",
                            "1g@a",
                            "1g@64",
                            "1g@0,",
                            "1g@0,1g@0",
                            "1m@0",
                            "0@0",
                            "-1g@0",
                            "1 g@0",
                            "17179869184g@0",
                            "18446744073709551615k@0",
                            "all@0@1",
                            "1g@0@0",
                            "5m@0",
                            "alll@0",
                            "1g,1g@0",
                            "18446744073705357312@0"}) {
        EXPECT_FALSE(parse_mem_spec(bad, NodeRule::optional)) << bad;
    }
}

TEST(Size, Formats)
{
    EXPECT_EQ(format_size(1ull << 30), "1 GiB");
    EXPECT_EQ(format_size(896ull << 20), "896 MiB");
    EXPECT_EQ(format_size(1000), "1000 B");
}

TEST(IkcMap, SaysWhoServesWhom)
{
    const auto map = parse_ikc_map("2-3,5:0+4:1+6:any");
    ASSERT_TRUE(map);
    EXPECT_EQ(*map, (std::vector<IkcRoute>{{2, 0}, {3, 0}, {5, 0}, {4, 1}, {6, std::nullopt}}));
    EXPECT_EQ(format_ikc_map(*map), "2-3,5:0+4:1+6:any");
    EXPECT_EQ(format_ikc_map({}), "");
    for (const char* bad :
         {"", ":", "2", "2:", ":0", "2:0+", "+2:0", "2:0+2:1", "2:0:1", "2:x", "2:4096", "x:0", "2:-1"}) {
        EXPECT_FALSE(parse_ikc_map(bad)) << bad;
    }
}

// What parses must mean the same when written out and read again; nothing may crash.
TEST(Parsers, SurviveRandomText)
{
    std::mt19937 random(20261123);
    constexpr std::string_view alphabet = "0123456789,,--@@kmgall x";
    int parsed = 0;
    for (int round = 0; round < 200'000; ++round) {
        std::string text(random() % 12, '\0');
        for (char& c : text) {
            c = random() % 50 == 0 ? static_cast<char>(random()) : alphabet[random() % alphabet.size()];
        }
        if (const auto cpus = parse_cpu_list(text)) {
            ++parsed;
            EXPECT_EQ(*parse_cpu_list(format_cpu_list(*cpus)), *cpus) << text;
        }
        if (const auto mem = parse_mem_spec(text, NodeRule::optional)) {
            ++parsed;
            EXPECT_EQ(*parse_mem_spec(format_mem_spec(*mem), NodeRule::optional), *mem) << text;
        }
    }
    EXPECT_GT(parsed, 100);
}
