// SPDX-License-Identifier: BSD-2-Clause
// ELF files made in memory, for the tests.
#pragma once

#include "elf_image.hpp"

#include <cstring>
#include <elf.h>
#include <string>
#include <vector>

namespace still::mcexec::test {

class MemorySource final : public ByteSource {
  public:
    explicit MemorySource(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}
    [[nodiscard]] uint64_t size() const override { return bytes_.size(); }
    [[nodiscard]] bool read(uint64_t offset, std::span<std::byte> into) const override
    {
        if (offset > bytes_.size() || bytes_.size() - offset < into.size()) {
            return false;
        }
        memcpy(into.data(), bytes_.data() + offset, into.size());
        return true;
    }

  private:
    std::vector<std::byte> bytes_;
};

struct ElfFile {
    Elf64_Ehdr header{};
    std::vector<Elf64_Phdr> segments;
    std::string interpreter;
    size_t size = 0x4000;

    // A small dynamic program: headers and text, then data with .bss.
    static ElfFile program()
    {
        ElfFile f;
        memcpy(f.header.e_ident, ELFMAG, SELFMAG);
        f.header.e_ident[EI_CLASS] = ELFCLASS64;
        f.header.e_ident[EI_DATA] = ELFDATA2LSB;
        f.header.e_type = ET_DYN;
        f.header.e_machine = EM_X86_64;
        f.header.e_entry = 0x1000;
        f.header.e_phoff = sizeof(Elf64_Ehdr);
        f.header.e_phentsize = sizeof(Elf64_Phdr);
        f.interpreter = std::string("/lib64/ld.so") + '\0';
        f.segments = {
            {PT_INTERP, PF_R, 0x3f00, 0x3f00, 0x3f00, f.interpreter.size(), f.interpreter.size(), 1},
            {PT_LOAD, PF_R | PF_X, 0, 0, 0, 0x1800, 0x1800, 0x1000},
            {PT_LOAD, PF_R | PF_W, 0x2800, 0x3800, 0x3800, 0x300, 0x2000, 0x1000},
            {PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0, 0, 16},
        };
        return f;
    }

    [[nodiscard]] std::vector<std::byte> bytes() const
    {
        std::vector<std::byte> out(size);
        Elf64_Ehdr h = header;
        h.e_phnum = static_cast<Elf64_Half>(segments.size());
        memcpy(out.data(), &h, sizeof h);
        memcpy(out.data() + sizeof h, segments.data(), segments.size() * sizeof(Elf64_Phdr));
        memcpy(out.data() + 0x3f00, interpreter.data(), interpreter.size());
        return out;
    }
};

} // namespace still::mcexec::test
