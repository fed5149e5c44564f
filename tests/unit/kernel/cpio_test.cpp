// SPDX-License-Identifier: BSD-2-Clause
#include <gtest/gtest.h>
#include <services/cpio.hpp>

#include <cstdio>
#include <string>
#include <vector>

namespace still::services {
namespace {

struct Member {
    std::string name;
    unsigned mode = 0100644;
    std::string data;
    unsigned links = 1;
};

std::string padded(std::string text)
{
    text.resize((text.size() + 3) / 4 * 4, '\0');
    return text;
}

std::string to_text(const Member& m)
{
    char header[111];
    snprintf(header, sizeof header, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 7u, m.mode,
             1u, 2u, m.links, 0x5f000000u, static_cast<unsigned>(m.data.size()), 0u, 0u, 0u, 0u,
             static_cast<unsigned>(m.name.size() + 1), 0u);
    return padded(header + m.name + '\0') + padded(m.data);
}

std::string archive_of(const std::vector<Member>& members)
{
    std::string text;
    for (const Member& m : members)
        text += to_text(m);
    return text + to_text({"TRAILER!!!", 0, ""});
}

// The names that are read, and how it ends.
std::vector<std::string> names_of(const std::string& text, Errno& end, std::string* why = nullptr)
{
    // In a block of exactly that size, so that the sanitizer sees each byte too many.
    const std::vector<u8> bytes(text.begin(), text.end());
    CpioReader reader(bytes.data(), bytes.size());
    std::vector<std::string> names;
    for (;;) {
        const auto member = reader.next();
        if (!member) {
            end = member.error();
            if (why != nullptr)
                *why = reader.why();
            return names;
        }
        EXPECT_GE(member->data, bytes.data());
        EXPECT_LE(member->data + member->bytes, bytes.data() + bytes.size());
        names.emplace_back(member->name);
    }
}

TEST(Cpio, MembersAsTheyWerePacked)
{
    const std::string text =
        archive_of({{"a", 0100755, "hello"}, {"dir", 040755, ""}, {"dir/link", 0120777, "../a"}});
    CpioReader reader(reinterpret_cast<const u8*>(text.data()), text.size());
    const auto a = reader.next();
    ASSERT_TRUE(a);
    EXPECT_EQ(a->name, "a");
    EXPECT_EQ(a->mode, 0100755u);
    EXPECT_EQ(a->uid, 1u);
    EXPECT_EQ(a->gid, 2u);
    EXPECT_EQ(a->modified, 0x5f000000u);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(a->data), a->bytes), "hello");
    EXPECT_EQ(reader.next()->name, "dir");
    EXPECT_EQ(reader.next()->bytes, 4u);
    EXPECT_EQ(reader.next().error(), Errno::noent);
}

TEST(Cpio, EachTruncationIsFound)
{
    const std::string text = to_text({"file", 0100644, "twelve bytes"}) + to_text({"more", 0100644, "x"});
    const size_t first = to_text({"file", 0100644, "twelve bytes"}).size();
    const size_t last = text.size() - 3; // what fills it up may be missing
    for (size_t size = 1; size <= text.size(); ++size) {
        Errno end{};
        const auto names = names_of(text.substr(0, size), end);
        EXPECT_EQ(names.size(), size < first ? 0u : size < last ? 1u : 2u) << size;
        EXPECT_EQ(end, size == first || size >= last ? Errno::noent : Errno::inval) << size;
    }
}

TEST(Cpio, NoNumberInAField)
{
    std::string text = archive_of({{"a", 0100644, ""}});
    text[10] = 'g';
    Errno end{};
    std::string why;
    EXPECT_TRUE(names_of(text, end, &why).empty());
    EXPECT_EQ(end, Errno::inval);
    EXPECT_EQ(why, "a field of its header is no number");
}

TEST(Cpio, FourGigabytesThatAreNotThere)
{
    std::string text = archive_of({{"a", 0100644, "abcd"}});
    text.replace(6 + 6 * 8, 8, "ffffffff");
    Errno end{};
    std::string why;
    EXPECT_TRUE(names_of(text, end, &why).empty());
    EXPECT_EQ(end, Errno::inval);
    EXPECT_EQ(why, "it is truncated (contents)");
}

TEST(Cpio, NamesWithoutAnEndOrTooLong)
{
    std::string text = archive_of({{"abc", 0100644, ""}});
    text[110 + 3] = 'd';
    Errno end{};
    EXPECT_TRUE(names_of(text, end).empty());
    EXPECT_EQ(end, Errno::inval);
    text = archive_of({{"abc", 0100644, ""}});
    text.replace(6 + 11 * 8, 8, "00001001");
    EXPECT_TRUE(names_of(text, end).empty());
    EXPECT_EQ(end, Errno::inval);
    text.replace(6 + 11 * 8, 8, "00000000");
    EXPECT_TRUE(names_of(text, end).empty());
    EXPECT_EQ(end, Errno::inval);
}

TEST(Cpio, ArchivesBehindEachOtherWithZerosBetween)
{
    const std::string text =
        archive_of({{"a", 0100644, ""}}) + std::string(512, '\0') + archive_of({{"b", 0100644, ""}});
    Errno end{};
    EXPECT_EQ(names_of(text, end), (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(end, Errno::noent);
    EXPECT_EQ(names_of(archive_of({{"a", 0100644, ""}}) + "garbage!", end), (std::vector<std::string>{"a"}));
    EXPECT_EQ(end, Errno::inval);
}

std::string cleaned(std::string_view name, size_t room = 4096)
{
    std::vector<char> bytes(room);
    std::string_view clean;
    return clean_member_name(name, bytes.data(), room, clean) ? std::string(clean) : "refused";
}

TEST(Cpio, NamesAreBelowTheRoot)
{
    EXPECT_EQ(cleaned("usr/bin/env"), "usr/bin/env");
    EXPECT_EQ(cleaned("/usr//bin/./env/"), "usr/bin/env");
    EXPECT_EQ(cleaned("."), "");
    EXPECT_EQ(cleaned("../etc/passwd"), "refused");
    EXPECT_EQ(cleaned("a/../../b"), "refused");
    EXPECT_EQ(cleaned("a/.."), "refused");
    EXPECT_EQ(cleaned("a..b/..c"), "a..b/..c");
    EXPECT_EQ(cleaned(std::string(255, 'n')), std::string(255, 'n'));
    EXPECT_EQ(cleaned(std::string(256, 'n')), "refused");
    EXPECT_EQ(cleaned("abc/def", 7), "refused");
    EXPECT_EQ(cleaned("abc/def", 8), "abc/def");
}

} // namespace
} // namespace still::services
