// SPDX-License-Identifier: BSD-2-Clause
#include "stack_image.hpp"

#include <gtest/gtest.h>
#include <sys/auxv.h>

#include <cstring>
#include <map>

using namespace still::mcexec;

namespace {

constexpr uint64_t top = 0x7e0000000000;

// Reads the image as a program's start-up code does.
class Reader {
  public:
    explicit Reader(const StackImage& image) : image_(image) {}
    uint64_t word(uint64_t address) const
    {
        uint64_t value = 0;
        memcpy(&value, at(address), sizeof value);
        return value;
    }
    std::string text(uint64_t address) const
    {
        return reinterpret_cast<const char*>(at(address)); // SAFETY: the image ends in a zero word
    }

  private:
    const std::byte* at(uint64_t address) const
    {
        EXPECT_GE(address, image_.stack_pointer);
        EXPECT_LT(address, top);
        return image_.bytes.data() + (address - image_.stack_pointer);
    }
    const StackImage& image_;
};

void check(size_t args, size_t variables)
{
    StackContents contents;
    for (size_t i = 0; i < args; ++i) {
        contents.argv.push_back("arg" + std::to_string(i));
    }
    for (size_t i = 0; i < variables; ++i) {
        contents.envp.push_back("V" + std::to_string(i) + "=x");
    }
    contents.execfn = "/bin/prog";
    contents.platform = "x86_64";
    contents.random.fill(std::byte{0x5a});
    contents.aux = {{AT_PAGESZ, 4096}, {AT_ENTRY, 0x1234}};
    const auto image = build_stack(contents, top, 8u << 20);
    ASSERT_TRUE(image);
    ASSERT_EQ(image->stack_pointer % 16, 0u);
    ASSERT_EQ(image->stack_pointer + image->bytes.size(), top);
    const Reader r(*image);
    uint64_t at = image->stack_pointer;
    EXPECT_EQ(r.word(at), args);
    uint64_t next = 0;
    for (size_t i = 0; i < args; ++i) {
        const uint64_t where = r.word(at += 8);
        EXPECT_EQ(r.text(where), contents.argv[i]);
        EXPECT_TRUE(next == 0 || next == where); // one behind the other
        next = where + contents.argv[i].size() + 1;
    }
    EXPECT_EQ(r.word(at += 8), 0u);
    for (size_t i = 0; i < variables; ++i) {
        EXPECT_EQ(r.text(r.word(at += 8)), contents.envp[i]);
    }
    EXPECT_EQ(r.word(at += 8), 0u);
    std::map<uint64_t, uint64_t> aux;
    for (at += 8; r.word(at) != AT_NULL; at += 16) {
        aux[r.word(at)] = r.word(at + 8);
    }
    EXPECT_EQ(aux[AT_PAGESZ], 4096u);
    EXPECT_EQ(aux[AT_ENTRY], 0x1234u);
    EXPECT_EQ(r.text(aux[AT_EXECFN]), "/bin/prog");
    EXPECT_EQ(r.text(aux[AT_PLATFORM]), "x86_64");
    EXPECT_EQ(r.word(aux[AT_RANDOM]), 0x5a5a5a5a5a5a5a5au);
}

} // namespace

TEST(Stack, IsAsLinuxLaysItOut)
{
    for (size_t args = 0; args < 4; ++args) {
        for (size_t variables = 0; variables < 4; ++variables) {
            check(args, variables);
        }
    }
    check(5000, 300);
}

TEST(Stack, RefusesTooMuch)
{
    StackContents contents;
    contents.argv = {std::string(128 << 10, 'x')};
    EXPECT_FALSE(build_stack(contents, top, 8u << 20));
    contents.argv.assign(30, std::string(100'000, 'x'));
    EXPECT_FALSE(build_stack(contents, top, 8u << 20));
    EXPECT_TRUE(build_stack(contents, top, 64u << 20));
    contents.argv = {"x"};
    EXPECT_FALSE(build_stack(contents, top, 64));
}
