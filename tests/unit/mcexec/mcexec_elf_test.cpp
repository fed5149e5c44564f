// SPDX-License-Identifier: BSD-2-Clause
#include "elf_file.hpp"
#include "exec_plan.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <fstream>
#include <random>

using namespace still::mcexec;
using test::ElfFile;
using test::MemorySource;

namespace {

still::ihk::Result<ElfImage> parse(const ElfFile& file)
{
    return parse_elf(MemorySource(file.bytes()), "x");
}

} // namespace

TEST(Elf, ReadsADynamicProgram)
{
    const auto image = parse(ElfFile::program());
    ASSERT_TRUE(image) << image.error().message;
    EXPECT_TRUE(image->position_independent);
    EXPECT_FALSE(image->executable_stack);
    EXPECT_EQ(image->interpreter, "/lib64/ld.so");
    EXPECT_EQ(image->phdr_vaddr, sizeof(Elf64_Ehdr));
    EXPECT_EQ(image->low, 0u);
    EXPECT_EQ(image->high, 0x6000u);
    ASSERT_EQ(image->loads.size(), 2u);
}

TEST(Elf, ReadsARealProgram)
{
    std::ifstream in("/bin/ls", std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    std::vector<std::byte> bytes(text.size());
    memcpy(bytes.data(), text.data(), text.size());
    const auto image = parse_elf(MemorySource(std::move(bytes)), "ls");
    ASSERT_TRUE(image) << image.error().message;
    EXPECT_EQ(image->interpreter, "/lib64/ld-linux-x86-64.so.2");
    ExecPlan plan;
    add_image(plan, *image, 0x558000000000, 3);
    EXPECT_TRUE(finish_plan(plan, {{0x557000000000, 0x7e0000000000}}));
    EXPECT_GE(plan.segments.size(), 4u);
}

TEST(Elf, RefusesWhatIsDamaged)
{
    const auto broken = [](auto change) {
        ElfFile f = ElfFile::program();
        change(f);
        return parse(f);
    };
    EXPECT_FALSE(broken([](ElfFile& f) { f.header.e_ident[0] = 'x'; }));
    EXPECT_FALSE(broken([](ElfFile& f) { f.header.e_ident[EI_CLASS] = ELFCLASS32; }));
    EXPECT_FALSE(broken([](ElfFile& f) { f.header.e_machine = EM_AARCH64; }));
    EXPECT_FALSE(broken([](ElfFile& f) { f.header.e_type = ET_REL; }));
    EXPECT_FALSE(broken([](ElfFile& f) { f.header.e_phoff = 0x3fff; }));
    EXPECT_FALSE(broken([](ElfFile& f) { f.header.e_phoff = ~0ull; }));
    EXPECT_FALSE(broken([](ElfFile& f) { f.header.e_phentsize = 32; }));
    EXPECT_FALSE(broken([](ElfFile& f) { f.segments.clear(); }));
    EXPECT_FALSE(
        broken([](ElfFile& f) { f.segments.erase(f.segments.begin() + 1, f.segments.begin() + 3); }));
    EXPECT_FALSE(broken([](ElfFile& f) { f.segments[1].p_filesz = f.segments[1].p_memsz + 1; }));
    EXPECT_FALSE(broken([](ElfFile& f) { f.segments[1].p_vaddr = ~0ull - 0xfff; }));
    EXPECT_FALSE(broken([](ElfFile& f) { f.segments[1].p_memsz = ~0ull; }));
    EXPECT_FALSE(broken([](ElfFile& f) { f.segments[2].p_offset = ~0ull - 0x100; }));
    EXPECT_FALSE(broken([](ElfFile& f) { f.segments[2].p_offset = 0x8800; }));
    EXPECT_FALSE(broken([](ElfFile& f) { f.segments[2].p_offset += 1; }));
    EXPECT_FALSE(broken([](ElfFile& f) { f.segments[2].p_vaddr = 0x800; }));
    EXPECT_FALSE(broken([](ElfFile& f) { std::swap(f.segments[1], f.segments[2]); }));
    EXPECT_FALSE(broken([](ElfFile& f) { f.header.e_entry = 0x100000; }));
    EXPECT_FALSE(broken([](ElfFile& f) { f.interpreter.back() = 'x'; }));
    EXPECT_FALSE(broken([](ElfFile& f) { f.segments[0].p_filesz = 5000; }));
    EXPECT_FALSE(broken([](ElfFile& f) { f.segments[0].p_filesz = 1; }));
    EXPECT_FALSE(broken([](ElfFile& f) { f.segments[0].p_offset = 0x3fff; }));
    EXPECT_FALSE(
        broken([](ElfFile& f) { f.segments.insert(f.segments.end(), 20, {PT_LOAD, 0, 0, 0, 0, 0, 1, 0}); }));
    EXPECT_FALSE(parse_elf(MemorySource({}), "x"));
}

TEST(Elf, PlansFilePagesAndBss)
{
    const auto image = parse(ElfFile::program());
    ASSERT_TRUE(image);
    ExecPlan plan;
    constexpr uint64_t bias = 0x558000000000;
    add_image(plan, *image, bias, 7);
    ASSERT_TRUE(finish_plan(plan, {{bias, bias + 0x10000}}));
    ASSERT_EQ(plan.segments.size(), 3u);
    EXPECT_EQ(plan.segments[0].addr, bias);
    EXPECT_EQ(plan.segments[0].len, 0x2000u);
    EXPECT_EQ(plan.segments[0].prot, static_cast<uint32_t>(PROT_READ | PROT_EXEC));
    EXPECT_EQ(plan.segments[1].addr, bias + 0x3000);
    EXPECT_EQ(plan.segments[1].len, 0x1000u);
    EXPECT_EQ(plan.segments[1].file, 7);
    EXPECT_EQ(plan.segments[1].file_offset, 0x2000u);
    EXPECT_EQ(plan.segments[2].addr, bias + 0x4000);
    EXPECT_EQ(plan.segments[2].len, 0x2000u);
    EXPECT_EQ(plan.segments[2].file, -1);
    ASSERT_EQ(plan.clear.size(), 1u);
    EXPECT_EQ(plan.clear[0].start, bias + 0x3b00);
    EXPECT_EQ(plan.clear[0].end, bias + 0x4000);
}

TEST(Elf, ASharedPageGoesToTheLaterSegment)
{
    ElfFile f = ElfFile::program();
    f.segments[1].p_filesz = f.segments[1].p_memsz = 0x2400;
    f.segments[2].p_offset = 0x2800;
    f.segments[2].p_vaddr = 0x2800;
    const auto image = parse(f);
    ASSERT_TRUE(image) << image.error().message;
    ExecPlan plan;
    add_image(plan, *image, 0, 7);
    ASSERT_TRUE(finish_plan(plan, {{0, 0x10000}}));
    EXPECT_EQ(plan.segments[0].len, 0x2000u);
    EXPECT_EQ(plan.segments[1].addr, 0x2000u);
}

// Whatever the bytes: an error or a plan that the LWK may rely on.
TEST(Elf, SurvivesDamage)
{
    std::mt19937_64 random(20261123);
    int planned = 0;
    for (int round = 0; round < 200'000; ++round) {
        auto bytes = ElfFile::program().bytes();
        for (unsigned n = 1 + random() % 4; n != 0; --n) {
            const size_t at = random() % (sizeof(Elf64_Ehdr) + 4 * sizeof(Elf64_Phdr));
            if (random() % 2 == 0) {
                bytes[at] = static_cast<std::byte>(random());
            } else {
                const uint64_t words[] = {0, ~0ull, 0x1000, 0x7fffffffffff, 1ull << 63, 0xfff, random()};
                memcpy(bytes.data() + at / 8 * 8, &words[random() % 7], 8);
            }
        }
        bytes.resize(random() % 8 == 0 ? random() % bytes.size() : bytes.size());
        const auto image = parse_elf(MemorySource(std::move(bytes)), "x");
        if (!image) {
            continue;
        }
        ASSERT_LE(image->high, user_end + page_size);
        ASSERT_LT(image->low, image->high);
        ExecPlan plan;
        add_image(plan, *image, 0x10000000, 0);
        if (finish_plan(plan, {{0x10000, 0x555000000000}})) {
            ++planned;
            uint64_t last = 0;
            for (const still_segment& s : plan.segments) {
                ASSERT_GE(s.addr, last);
                ASSERT_EQ((s.addr | s.len | s.file_offset) % page_size, 0u);
                last = s.addr + s.len;
            }
        }
    }
    EXPECT_GT(planned, 0);
}
