// SPDX-License-Identifier: BSD-2-Clause
#include "ihk/image.hpp"

#include <elf.h>
#include <gtest/gtest.h>
#include <stillcore/image.h>

#include <cstring>
#include <fstream>
#include <random>
#include <unistd.h>

using namespace still::ihk;

namespace {

// An ELF file of one PT_NOTE segment with the image note.
std::vector<std::byte> make_image(uint32_t revision)
{
    struct {
        Elf64_Ehdr header;
        Elf64_Phdr segment;
        Elf64_Nhdr note;
        char name[12];
        still_image_note image;
    } file{};
    memcpy(file.header.e_ident, ELFMAG, SELFMAG);
    file.header.e_ident[EI_CLASS] = ELFCLASS64;
    file.header.e_type = ET_EXEC;
    file.header.e_machine = EM_X86_64;
    file.header.e_phoff = sizeof(Elf64_Ehdr);
    file.header.e_phentsize = sizeof(Elf64_Phdr);
    file.header.e_phnum = 1;
    file.segment.p_type = PT_NOTE;
    file.segment.p_offset = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);
    file.segment.p_filesz = sizeof(Elf64_Nhdr) + 12 + sizeof(still_image_note);
    file.note = {sizeof STILL_NOTE_NAME, sizeof(still_image_note), STILL_NOTE_IMAGE};
    memcpy(file.name, STILL_NOTE_NAME, sizeof STILL_NOTE_NAME);
    file.image.magic = STILL_MAGIC;
    file.image.revision = revision;
    std::vector<std::byte> bytes(sizeof file);
    memcpy(bytes.data(), &file, sizeof file);
    return bytes;
}

} // namespace

TEST(Image, KnowsItsRevision)
{
    EXPECT_TRUE(check_image(make_image(STILL_REVISION), "x"));
    const auto other = check_image(make_image(STILL_REVISION + 1), "x");
    ASSERT_FALSE(other);
    EXPECT_NE(other.error().message.find("revision"), std::string::npos);
}

TEST(Image, RefusesOtherFiles)
{
    EXPECT_FALSE(check_image({}, "x"));
    const auto self = read_image("/proc/self/exe");
    ASSERT_TRUE(self);
    EXPECT_FALSE(check_image(*self, "x"));
    EXPECT_FALSE(read_image("/"));
    EXPECT_FALSE(read_image("/nonexistent"));
}

TEST(Image, IsReadAsFarAsItIsLoaded)
{
    const auto image = make_image(STILL_REVISION);
    const std::string path = testing::TempDir() + "image";
    const auto read_with = [&](size_t bytes) {
        std::vector<std::byte> file = image;
        file.resize(bytes);
        std::ofstream(path).write(reinterpret_cast<const char*>(file.data()), // SAFETY: any object is bytes
                                  static_cast<std::streamsize>(file.size()));
        return read_image(path);
    };
    EXPECT_EQ(read_with(image.size() + 1'000'000), image);
    const auto cut = read_with(image.size() - 1);
    ASSERT_TRUE(cut);
    EXPECT_EQ(cut->size(), image.size() - 1);
    EXPECT_FALSE(check_image(*cut, path));
    unlink(path.c_str());
}

TEST(Image, SurvivesDamage)
{
    std::mt19937 random(7);
    for (int round = 0; round < 100'000; ++round) {
        auto image = make_image(STILL_REVISION);
        for (unsigned n = random() % 4; n != 0; --n) {
            image[random() % image.size()] = static_cast<std::byte>(random());
        }
        image.resize(random() % 3 == 0 ? random() % image.size() : image.size());
        (void)check_image(image, "x");
    }
}
