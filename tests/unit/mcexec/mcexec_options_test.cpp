// SPDX-License-Identifier: BSD-2-Clause
#include "options.hpp"
#include "script.hpp"

#include <gtest/gtest.h>

using namespace still::mcexec;

namespace {

still::ihk::Result<Options> parse(std::vector<const char*> words)
{
    words.insert(words.begin(), "mcexec");
    words.push_back(nullptr);
    return parse_options(static_cast<int>(words.size()) - 1, words.data());
}

} // namespace

TEST(Options, TheEnvironmentNamesTheInstanceThatNoOptionNames)
{
    auto o = parse({"ls"});
    ASSERT_TRUE(o && choose_instance(*o, "3"));
    EXPECT_EQ(o->os, 3u);
    o = parse({"--os", "0", "ls"});
    ASSERT_TRUE(o && choose_instance(*o, "3"));
    EXPECT_EQ(o->os, 0u);
    o = parse({"1", "ls"});
    ASSERT_TRUE(o && choose_instance(*o, "3"));
    EXPECT_EQ(o->os, 1u);
    o = parse({"ls"});
    ASSERT_TRUE(o && choose_instance(*o, nullptr));
    EXPECT_EQ(o->os, 0u);
    for (const char* wrong : {"", "x", "64", "-1", "1 "}) {
        EXPECT_FALSE(choose_instance(*o, wrong)) << wrong;
    }
}

TEST(Options, EndWhereTheProgramBegins)
{
    const auto o = parse({"-c", "0,2-3", "--stats", "--os", "2", "--poll-us=0", "ls", "-c", "--stats"});
    ASSERT_TRUE(o) << o.error().message;
    EXPECT_EQ(o->cpus, (std::vector<uint32_t>{0, 2, 3}));
    EXPECT_TRUE(o->stats);
    EXPECT_EQ(o->os, 2u);
    EXPECT_EQ(o->poll_us, 0u);
    EXPECT_EQ(o->program, 7);
}

TEST(Options, NameTheGroup)
{
    EXPECT_FALSE(parse({"ls"})->smartmap);
    EXPECT_EQ(parse({"--smartmap", "ls"})->smartmap, "");
    EXPECT_EQ(parse({"--smartmap", "ls"})->program, 2);
    EXPECT_EQ(parse({"--smartmap=job 7", "ls"})->smartmap, "job 7");
    EXPECT_FALSE(parse({("--smartmap=" + std::string(64, 'x')).c_str(), "ls"}));
    const auto o = parse({"--smartmap=a", "--peer=3/4", "ls"});
    EXPECT_EQ(o->peer_rank, 3u);
    EXPECT_EQ(o->peers, 4u);
}

TEST(Options, KnowMcKernelsInstanceNumber)
{
    EXPECT_EQ(parse({"1", "ls"})->os, 1u);
    EXPECT_EQ(parse({"1", "ls"})->program, 2);
    EXPECT_EQ(parse({"/dev/ihk3", "ls"})->os, 3u);
    EXPECT_EQ(parse({"--", "1", "ls"})->program, 2);
    EXPECT_EQ(parse({"1"})->program, 1); // a program of that name
    EXPECT_EQ(parse({"1", "2", "3"})->program, 2);
    EXPECT_EQ(parse({"/dev/ihk", "ls"})->program, 1);
}

TEST(Options, LimitMemory)
{
    auto o = parse({"--memory", "512m", "ls"});
    ASSERT_TRUE(o);
    EXPECT_EQ(o->memory, 512ull << 20);
    o = parse({"--memory=4096", "ls"});
    ASSERT_TRUE(o);
    EXPECT_EQ(o->memory, 4096u);
    EXPECT_EQ(parse({"ls"})->memory, 0u);
    for (const char* wrong : {"", "x", "-1", "1t"}) {
        EXPECT_FALSE(parse({"--memory", wrong, "ls"})) << wrong;
    }
}

TEST(Options, KnowRanks)
{
    const auto o = parse({"-n", "4", "--rank=3", "x"});
    ASSERT_TRUE(o) << o.error().message;
    EXPECT_EQ(o->ranks, 4u);
    EXPECT_EQ(o->rank, 3u);
}

TEST(Options, RefuseWhatIsMalformed)
{
    for (auto words : std::vector<std::vector<const char*>>{{},
                                                            {"--"},
                                                            {"-c"},
                                                            {"-c", "1-"},
                                                            {"-c", "256", "x"},
                                                            {"--os", "64", "x"},
                                                            {"--os", "-1", "x"},
                                                            {"--poll-us", "x", "x"},
                                                            {"--frob", "x"},
                                                            {"-n", "0", "x"},
                                                            {"-n", "4", "--rank", "4", "x"},
                                                            {"--rank", "0", "x"},
                                                            {"--stats"},
                                                            {"--poll-us"}}) {
        EXPECT_FALSE(parse(words));
    }
}

TEST(Script, FollowsLinux)
{
    using Line = std::optional<ScriptLine>;
    EXPECT_EQ(parse_script_line("#!/bin/sh\n"), (Line{{"/bin/sh", std::nullopt}}));
    EXPECT_EQ(parse_script_line("#! /bin/sh -e  \n"), (Line{{"/bin/sh", "-e"}}));
    EXPECT_EQ(parse_script_line("#!/usr/bin/env\tpython3 -u\nx"), (Line{{"/usr/bin/env", "python3 -u"}}));
    EXPECT_EQ(parse_script_line("#!/bin/sh"), (Line{{"/bin/sh", std::nullopt}}));
    EXPECT_EQ(parse_script_line("#!\n"), Line{});
    EXPECT_EQ(parse_script_line("#!   "), Line{});
    EXPECT_EQ(parse_script_line("#/bin/sh\n"), Line{});
    EXPECT_EQ(parse_script_line(""), Line{});
    const std::string endless = "#!/" + std::string(script_head_bytes - 3, 'a');
    EXPECT_EQ(parse_script_line(endless), Line{});
    std::string cut = "#!/bin/sh " + std::string(script_head_bytes - 10, 'a');
    EXPECT_EQ(parse_script_line(cut), (Line{{"/bin/sh", std::string(script_head_bytes - 10, 'a')}}));
}
