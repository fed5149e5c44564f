// SPDX-License-Identifier: BSD-2-Clause
#include <gtest/gtest.h>
#include <services/line_discipline.hpp>
#include <string>

namespace still::tty {
namespace {

struct Terminal {
    std::string shown;
    LineDiscipline line{[](void* to, std::string_view text) { *static_cast<std::string*>(to) += text; },
                        &shown};

    u32 type(std::string_view text)
    {
        u32 last = 0;
        for (const char c : text)
            last = line.input(static_cast<u8>(c));
        return last;
    }
    std::string read(usize room = 100)
    {
        std::string text(room, '\0');
        text.resize(line.read({reinterpret_cast<u8*>(text.data()), room}));
        return text;
    }
    void change(u32 clear, u32 set)
    {
        Termios t = line.termios();
        t.lflag = (t.lflag & ~clear) | set;
        line.set_termios(t);
    }
    std::string shown_since()
    {
        std::string text;
        text.swap(shown);
        return text;
    }
};

TEST(LineDiscipline, ALineIsReadableAtItsEndAndOneReadTakesOne)
{
    Terminal t;
    t.type("ab");
    EXPECT_FALSE(t.line.readable());
    EXPECT_EQ(t.line.available(), 0u);
    t.type("c\rde\n");
    EXPECT_EQ(t.shown, "abc\r\nde\r\n");
    EXPECT_EQ(t.line.available(), 7u);
    EXPECT_EQ(t.read(), "abc\n");
    EXPECT_EQ(t.read(2), "de");
    EXPECT_TRUE(t.line.readable());
    EXPECT_EQ(t.read(), "\n");
    EXPECT_FALSE(t.line.readable());
}

TEST(LineDiscipline, EraseWordAndKillEditTheLineAndTheScreen)
{
    Terminal t;
    t.type("ab\x7f");
    EXPECT_EQ(t.shown_since(), "ab\b \b");
    t.type("\x01\x7f"); // a control character takes two columns
    EXPECT_EQ(t.shown_since(), "^A\b \b\b \b");
    t.type("\t\x7f"); // a tab goes back to where it began
    EXPECT_EQ(t.shown_since(), "\t\b\b\b\b\b\b\b");
    t.type(" foo.bar  \x17");
    EXPECT_EQ(t.shown_since(), " foo.bar  "
                               "\b \b\b \b\b \b\b \b\b \b");
    t.type("\x15");
    EXPECT_EQ(t.shown_since(), "\b \b\b \b\b \b\b \b\b \b\b \b");
    t.type("\x7f\x15\x17z\n");
    EXPECT_EQ(t.read(), "z\n");
}

TEST(LineDiscipline, Utf8IsErasedAsAWhole)
{
    Terminal t;
    Termios wanted = t.line.termios();
    wanted.iflag |= i_utf8;
    t.line.set_termios(wanted);
    t.type("\xc3\xa4");
    t.shown_since();
    t.type("\x7f");
    EXPECT_EQ(t.shown_since(), "\b \b");
    t.type("x\n");
    EXPECT_EQ(t.read(), "x\n");
}

TEST(LineDiscipline, EndOfFile)
{
    Terminal t;
    t.type("ab\x04");
    EXPECT_TRUE(t.line.readable());
    EXPECT_EQ(t.read(), "ab");
    EXPECT_FALSE(t.line.readable());
    t.type("\x04x\n");
    EXPECT_TRUE(t.line.readable());
    EXPECT_EQ(t.read(), "");
    EXPECT_EQ(t.read(), "x\n");
    t.type("cd\x04");
    EXPECT_EQ(t.read(2), "cd"); // the mark goes with what filled the room
    EXPECT_FALSE(t.line.readable());
}

TEST(LineDiscipline, SignalsFlushAndAreEchoed)
{
    Terminal t;
    EXPECT_EQ(t.type("ab\x03"), 2u);
    EXPECT_EQ(t.type("\x1c"), 3u);
    EXPECT_EQ(t.type("\x1a"), 20u);
    EXPECT_EQ(t.shown, "ab^C^\\^Z");
    t.type("c\n");
    EXPECT_EQ(t.read(), "c\n");
    t.change(l_isig, 0);
    EXPECT_EQ(t.type("\x03"), 0u);
    t.type("\n");
    EXPECT_EQ(t.read(), "\x03\n");
    t.type("\x16\x03\n"); // ^V takes the next one as it is
    EXPECT_EQ(t.read(), "\x03\n");
}

TEST(LineDiscipline, RawModeGivesEachByteAndWhatWasTypedBefore)
{
    Terminal t;
    t.type("half");
    t.change(l_icanon | l_echo | l_isig, 0);
    EXPECT_EQ(t.read(), "half");
    t.shown_since();
    t.type("\x7f\x04\x03");
    EXPECT_EQ(t.shown_since(), "");
    EXPECT_EQ(t.line.available(), 3u);
    EXPECT_EQ(t.read(), "\x7f\x04\x03");
}

TEST(LineDiscipline, NoEchoShowsNothingButTheNewlineIfAsked)
{
    Terminal t;
    t.change(l_echo, 0);
    t.type("secret\n");
    EXPECT_EQ(t.shown_since(), "");
    t.change(0, l_echonl);
    t.type("secret\n");
    EXPECT_EQ(t.shown_since(), "\r\n");
}

TEST(LineDiscipline, XoffStopsAndXonGoesOn)
{
    Terminal t;
    t.type("\x13");
    EXPECT_TRUE(t.line.is_stopped());
    t.type("\x11");
    EXPECT_FALSE(t.line.is_stopped());
    t.type("\x13");
    t.type("\x03");
    EXPECT_FALSE(t.line.is_stopped());
}

TEST(LineDiscipline, OutputIsProcessed)
{
    Terminal t;
    t.line.write("a\nb");
    EXPECT_EQ(t.shown_since(), "a\r\nb");
    Termios raw = t.line.termios();
    raw.oflag = 0;
    t.line.set_termios(raw);
    t.line.write("a\nb");
    EXPECT_EQ(t.shown_since(), "a\nb");
}

TEST(LineDiscipline, TooMuchIsLostAndNothingElse)
{
    Terminal t;
    t.change(l_echo, 0);
    t.type(std::string(10000, 'x'));
    t.type("\n");
    EXPECT_TRUE(t.line.readable());
    EXPECT_EQ(t.read(10000), std::string(4095, 'x') + "\n");
    t.type("next\n");
    EXPECT_EQ(t.read(), "next\n");
    for (int i = 0; i < 5000; ++i)
        t.type("\n");
    usize lines = 0;
    while (t.line.readable())
        lines += t.read() == "\n" ? 1 : 0;
    EXPECT_EQ(lines, 4096u);
}

} // namespace
} // namespace still::tty
