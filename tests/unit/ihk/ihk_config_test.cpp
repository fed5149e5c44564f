// SPDX-License-Identifier: BSD-2-Clause
#include "ihk/config.hpp"

#include <gtest/gtest.h>

using namespace still::ihk;

TEST(Config, ReadsItsKeys)
{
    const auto config =
        parse_config("# the night shift\ncpus = 2-3\n\n mem=1g@0\r\nkargs = \"log=debug x=1\"\n", "f");
    ASSERT_TRUE(config);
    EXPECT_EQ(config->cpus, "2-3");
    EXPECT_EQ(config->mem, "1g@0");
    EXPECT_EQ(config->kargs, "log=debug x=1");
    EXPECT_FALSE(config->image);
    EXPECT_TRUE(parse_config("", "f"));
}

TEST(Config, SaysWhichLineIsWrong)
{
    EXPECT_NE(parse_config("cpus=1\nmemory=2g\n", "f").error().message.find("f:2:"), std::string::npos);
    EXPECT_FALSE(parse_config("cpus", "f"));
    EXPECT_FALSE(parse_config("cpus=1\ncpus=2", "f"));
    EXPECT_FALSE(read_config("/nonexistent"));
}
