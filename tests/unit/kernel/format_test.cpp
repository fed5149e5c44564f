// SPDX-License-Identifier: BSD-2-Clause
#include <base/format.hpp>
#include <gtest/gtest.h>
#include <string>

using namespace still;

namespace {
template <class... Args> std::string text(std::string_view pattern, const Args&... args)
{
    char room[40];
    TextBuffer out(room);
    format_to(out, pattern, args...);
    return std::string(out.view());
}
} // namespace

TEST(Format, WritesNumbersAndText)
{
    EXPECT_EQ(text("a {} b {:x} c {:p}", 1, 255u, u64{16}), "a 1 b ff c 0000000000000010");
    EXPECT_EQ(text("{} {}", -5, i64{INT64_MIN}), "-5 -9223372036854775808");
    EXPECT_EQ(text("{}|{}", "x", std::string_view("yz")), "x|yz");
    EXPECT_EQ(text("{:x}", PhysAddr(0xabc)), "abc");
}

TEST(Format, CutsOffWhatDoesNotFit)
{
    EXPECT_EQ(text("{}{}", "0123456789012345678901234567890123456789", "x").size(), 40u);
}

TEST(Format, KeepsAPatternWithoutItsArgument)
{
    EXPECT_EQ(text("{} {}", 1), "1 {}");
    EXPECT_EQ(text("open {"), "open {");
}
