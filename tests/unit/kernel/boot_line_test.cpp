// SPDX-License-Identifier: BSD-2-Clause
#include <base/boot_line.hpp>
#include <gtest/gtest.h>
#include <string>

namespace still {
namespace {

TEST(BootLine, OptionsEndAtTheTwoDashes)
{
    const BootLine line("tests vga=off -- /bin/cc -- tests2 x");
    EXPECT_TRUE(line.has("tests"));
    EXPECT_FALSE(line.has("tests2"));
    EXPECT_FALSE(line.has("test"));
    EXPECT_EQ(line.value("vga"), "off");
    EXPECT_EQ(line.value("vg", "none"), "none");
    EXPECT_EQ(line.init(), "/bin/cc -- tests2 x");
}

TEST(BootLine, NoInitialTaskAndOddBlanks)
{
    EXPECT_EQ(BootLine("").init(), "");
    EXPECT_EQ(BootLine("  a   b ").init(), "");
    EXPECT_TRUE(BootLine("  a   b ").has("b"));
    EXPECT_EQ(BootLine("--").init(), "");
    EXPECT_EQ(BootLine("a --   /init  ").init(), "/init  ");
    EXPECT_FALSE(BootLine("a--b x").has("--"));
    EXPECT_EQ(BootLine("a--b x").init(), "");
}

TEST(BootLine, TheLastValueCounts)
{
    const BootLine line("n=1 n=2 n=");
    EXPECT_EQ(line.value("n"), "");
    EXPECT_EQ(BootLine("n=1 n=2").value("n"), "2");
}

TEST(BootLine, WordsAreUnquoted)
{
    const auto meant = [](std::string_view word) {
        std::string room(word.size(), '?');
        room.resize(unquote(word, room));
        return room;
    };
    EXPECT_EQ(meant("a%20b%25c"), "a b%c");
    EXPECT_EQ(meant("%"), "");
    EXPECT_EQ(meant("50%"), "50%");
    EXPECT_EQ(meant("%4"), "%4");
    EXPECT_EQ(meant("%zz%C3%A4"), "%zz\xc3\xa4");
}

TEST(BootLine, ThoseWithAPrefixAreListed)
{
    std::string seen;
    BootLine("env.A=1 env.=2 xenv.B=3 env.C env.D=x=y -- env.E=5")
        .for_each("env.",
                  [&](auto name, auto value) { seen.append(name).append("=").append(value).append(";"); });
    EXPECT_EQ(seen, "A=1;D=x=y;");
}

TEST(BootLine, Numbers)
{
    EXPECT_EQ(number_of("0"), 0u);
    EXPECT_EQ(number_of("123456789"), 123456789u);
    for (const char* bad : {"", "-1", "1x", "1234567890"})
        EXPECT_FALSE(number_of(bad));
}

TEST(BootLine, Sizes)
{
    EXPECT_EQ(size_of("4096"), 4096u);
    EXPECT_EQ(size_of("3k"), 3072u);
    EXPECT_EQ(size_of("512m"), 512ull << 20);
    EXPECT_EQ(size_of("200g"), 200ull << 30);
    for (const char* bad : {"", "k", "1t", "1kk", "-1m"})
        EXPECT_FALSE(size_of(bad));
}

} // namespace
} // namespace still
