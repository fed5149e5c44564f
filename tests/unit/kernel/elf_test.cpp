// SPDX-License-Identifier: BSD-2-Clause
// The LWK's parser for programs that it starts itself; that of mcexec has tests of its own (tests/unit/mcexec).
#include <gtest/gtest.h>
#include <services/elf.hpp>

#include <cstring>
#include <elf.h>
#include <string>
#include <vector>

namespace still::services {
namespace {

struct Program {
    Elf64_Ehdr header{};
    std::vector<Elf64_Phdr> segments;
    std::string tail;

    Program()
    {
        memcpy(header.e_ident, ELFMAG, SELFMAG);
        header.e_ident[EI_CLASS] = ELFCLASS64;
        header.e_ident[EI_DATA] = ELFDATA2LSB;
        header.e_type = ET_DYN;
        header.e_machine = EM_X86_64;
        header.e_phoff = sizeof header;
        header.e_phentsize = sizeof(Elf64_Phdr);
        header.e_entry = 0x1000;
        add(PT_LOAD, PF_R | PF_X, 0, 0, 0x2000, 0x2000);
        add(PT_LOAD, PF_R | PF_W, 0x2000, 0x3000, 0x800, 0x5000);
    }
    void add(unsigned type, unsigned flags, u64 offset, u64 address, u64 file_bytes, u64 memory_bytes)
    {
        Elf64_Phdr s{};
        s.p_type = type;
        s.p_flags = flags;
        s.p_offset = offset;
        s.p_vaddr = address;
        s.p_filesz = file_bytes;
        s.p_memsz = memory_bytes;
        s.p_align = 0x1000;
        segments.push_back(s);
    }
    [[nodiscard]] std::vector<u8> bytes() const
    {
        Elf64_Ehdr h = header;
        h.e_phnum = static_cast<Elf64_Half>(segments.size());
        std::vector<u8> all(0x2800);
        memcpy(all.data(), &h, sizeof h);
        memcpy(all.data() + sizeof h, segments.data(), segments.size() * sizeof(Elf64_Phdr));
        return all;
    }
};

Status parse(const std::vector<u8>& file, ElfImage& image, std::string* why = nullptr)
{
    const char* said = "";
    const auto read = [](void* context, u64 offset, void* to, u64 bytes) {
        const auto& all = *static_cast<const std::vector<u8>*>(context);
        if (offset > all.size() || bytes > all.size() - offset)
            return false;
        memcpy(to, all.data() + offset, bytes);
        return true;
    };
    const Status done = parse_elf({read, const_cast<std::vector<u8>*>(&file), file.size()}, image, &said);
    if (why != nullptr)
        *why = said;
    return done;
}

std::string refusal(const Program& program)
{
    ElfImage image;
    std::string why;
    return parse(program.bytes(), image, &why) ? "taken" : why;
}

TEST(Elf, WhatIsToBeLoaded)
{
    Program p;
    p.add(PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0);
    p.add(PT_INTERP, PF_R, 0x100, 0x100, 28, 28);
    ElfImage image;
    ASSERT_TRUE(parse(p.bytes(), image));
    EXPECT_TRUE(image.position_independent);
    EXPECT_FALSE(image.executable_stack);
    EXPECT_EQ(image.num_loads, 2u);
    EXPECT_EQ(image.loads[0].prot, 5u);
    EXPECT_EQ(image.loads[1].prot, 3u);
    EXPECT_EQ(image.low, 0u);
    EXPECT_EQ(image.high, 0x8000u);
    EXPECT_EQ(image.headers, sizeof(Elf64_Ehdr));
    EXPECT_EQ(image.num_headers, 4);
    EXPECT_EQ(image.interpreter_offset, 0x100u);
    EXPECT_EQ(image.interpreter_bytes, 28u);
}

TEST(Elf, EachTruncationIsFound)
{
    const std::vector<u8> whole = Program().bytes();
    for (size_t size = 0; size < whole.size(); ++size) {
        ElfImage image;
        EXPECT_FALSE(parse({whole.begin(), whole.begin() + static_cast<long>(size)}, image)) << size;
    }
}

TEST(Elf, SegmentsThatCantBe)
{
    Program p;
    p.segments[1].p_filesz = 0x6000;
    EXPECT_EQ(refusal(p), "a segment lies outside of the address space");
    p = {};
    p.segments[1].p_vaddr = ~0ull - 0x1000;
    EXPECT_EQ(refusal(p), "a segment lies outside of the address space");
    p = {};
    p.segments[1].p_offset = ~0ull - 0x10;
    EXPECT_EQ(refusal(p), "a segment lies outside of the address space");
    p = {};
    p.segments[1].p_vaddr = 0x1000;
    EXPECT_EQ(refusal(p), "its segments overlap or do not ascend");
    p = {};
    p.segments[1].p_vaddr = 0x3800;
    EXPECT_EQ(refusal(p), "a segment is not aligned to its place in the file");
    p = {};
    p.header.e_entry = 0x2500;
    EXPECT_EQ(refusal(p), "its entry lies in no segment");
    p = {};
    p.segments.clear();
    p.add(PT_NOTE, PF_R, 0, 0, 0, 0);
    EXPECT_EQ(refusal(p), "it has nothing to load");
    p = {};
    for (u64 at = 0x10000; p.segments.size() <= ElfImage::max_loads; at += 0x1000)
        p.add(PT_LOAD, PF_R, 0, at, 0, 0x1000);
    EXPECT_EQ(refusal(p), "it has too many segments to load");
}

TEST(Elf, OtherFiles)
{
    Program p;
    p.header.e_machine = EM_AARCH64;
    EXPECT_EQ(refusal(p), "not an x86_64 program");
    p = {};
    p.header.e_type = ET_REL;
    EXPECT_EQ(refusal(p), "not a program");
    p = {};
    p.header.e_ident[EI_CLASS] = ELFCLASS32;
    EXPECT_EQ(refusal(p), "not a 64-bit ELF file");
    p = {};
    p.header.e_phentsize = 55;
    EXPECT_EQ(refusal(p), "its program headers are malformed");
    p = {};
    p.header.e_phoff = ~0ull;
    EXPECT_EQ(refusal(p), "its program headers are malformed");
    p = {};
    p.add(PT_INTERP, PF_R, 0x2000, 0, 0x1000, 0x1000);
    EXPECT_EQ(refusal(p), "the name of its interpreter is malformed");
}

} // namespace
} // namespace still::services
