// SPDX-License-Identifier: BSD-2-Clause
#include "elf_image.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <elf.h>
#include <sys/mman.h>

namespace still::mcexec {

namespace {

constexpr size_t max_loads = 12;
constexpr uint64_t max_align = 1ull << 30;

class Parser {
  public:
    Parser(const ByteSource& file, const std::string& name) : file_(file), name_(name) {}

    ihk::Result<ElfImage> parse()
    {
        if (auto good = read_header(); !good) {
            return std::unexpected(good.error());
        }
        for (const Elf64_Phdr& segment : segments_) {
            if (auto good = take(segment); !good) {
                return std::unexpected(good.error());
            }
        }
        if (image_.loads.empty()) {
            return bad("it has nothing to load");
        }
        return finish();
    }

  private:
    std::unexpected<ihk::Error> bad(const std::string& why) const
    {
        return ihk::fail(ENOEXEC, fmt::format("{}: cannot execute: {}", name_, why));
    }

    template <typename T> bool get(uint64_t offset, std::span<T> into) const
    {
        return file_.read(offset, std::as_writable_bytes(into));
    }

    ihk::Result<> read_header()
    {
        if (!get(0, std::span(&header_, 1)) || memcmp(header_.e_ident, ELFMAG, SELFMAG) != 0) {
            return bad("not an ELF file");
        }
        if (header_.e_ident[EI_CLASS] != ELFCLASS64 || header_.e_machine != EM_X86_64 ||
            header_.e_ident[EI_DATA] != ELFDATA2LSB) {
            return bad("not a 64-bit x86 program");
        }
        if (header_.e_type != ET_EXEC && header_.e_type != ET_DYN) {
            return bad(header_.e_type == ET_REL ? "an object file, not a program" : "not a program");
        }
        const size_t bytes = size_t{header_.e_phnum} * sizeof(Elf64_Phdr);
        if (header_.e_phentsize != sizeof(Elf64_Phdr) || bytes == 0 || bytes > 65536) {
            return bad("its program headers are malformed");
        }
        segments_.resize(header_.e_phnum);
        if (!get(header_.e_phoff, std::span(segments_))) {
            return bad("it is truncated (program headers)");
        }
        image_.position_independent = header_.e_type == ET_DYN;
        image_.entry = header_.e_entry;
        image_.phnum = header_.e_phnum;
        return {};
    }

    ihk::Result<> take(const Elf64_Phdr& segment)
    {
        switch (segment.p_type) {
        case PT_LOAD:
            return take_load(segment);
        case PT_INTERP:
            return take_interpreter(segment);
        case PT_GNU_STACK:
            image_.executable_stack = (segment.p_flags & PF_X) != 0;
            return {};
        default:
            return {};
        }
    }

    ihk::Result<> take_interpreter(const Elf64_Phdr& segment)
    {
        if (image_.interpreter) {
            return {}; // as Linux: the first one counts
        }
        if (segment.p_filesz < 2 || segment.p_filesz > PATH_MAX) {
            return bad("the name of its interpreter is malformed");
        }
        std::string path(segment.p_filesz, '\0');
        if (!get(segment.p_offset, std::span(path))) {
            return bad("it is truncated (interpreter)");
        }
        if (path.back() != '\0') {
            return bad("the name of its interpreter does not end");
        }
        path.resize(strlen(path.c_str()));
        if (path.empty()) {
            return bad("the name of its interpreter is empty");
        }
        image_.interpreter = std::move(path);
        return {};
    }

    ihk::Result<> take_load(const Elf64_Phdr& segment)
    {
        uint64_t end = 0;
        uint64_t file_end = 0;
        if (segment.p_memsz == 0) {
            return {};
        }
        if (segment.p_filesz > segment.p_memsz ||
            __builtin_add_overflow(segment.p_vaddr, segment.p_memsz, &end) || end > user_end ||
            __builtin_add_overflow(segment.p_offset, segment.p_filesz, &file_end)) {
            return bad("a segment lies outside of the address space");
        }
        if (segment.p_filesz != 0 && file_end > file_.size()) {
            return bad("it is truncated (segments)");
        }
        if (segment.p_filesz != 0 && (segment.p_vaddr - segment.p_offset) % page_size != 0) {
            return bad("a segment is not aligned to its place in the file");
        }
        if (segment.p_align > 1 && (segment.p_align & (segment.p_align - 1)) == 0) {
            image_.align = std::max(image_.align, std::min<uint64_t>(segment.p_align, max_align));
        }
        if (!image_.loads.empty() &&
            segment.p_vaddr < image_.loads.back().vaddr + image_.loads.back().mem_size) {
            return bad("its segments overlap or do not ascend");
        }
        if (image_.loads.size() == max_loads) {
            return bad(fmt::format("it has more than {} segments to load", max_loads));
        }
        const uint32_t prot = ((segment.p_flags & PF_R) != 0 ? PROT_READ : 0) |
                              ((segment.p_flags & PF_W) != 0 ? PROT_WRITE : 0) |
                              ((segment.p_flags & PF_X) != 0 ? PROT_EXEC : 0);
        image_.loads.push_back({segment.p_vaddr, segment.p_memsz, segment.p_filesz, segment.p_offset, prot});
        if (header_.e_phoff >= segment.p_offset &&
            header_.e_phoff + uint64_t{header_.e_phnum} * sizeof(Elf64_Phdr) <= file_end) {
            image_.phdr_vaddr = header_.e_phoff - segment.p_offset + segment.p_vaddr;
        }
        return {};
    }

    ihk::Result<ElfImage> finish()
    {
        image_.low = page_down(image_.loads.front().vaddr);
        image_.high = page_up(image_.loads.back().vaddr + image_.loads.back().mem_size);
        const bool entry_inside =
            std::any_of(image_.loads.begin(), image_.loads.end(), [&](const ElfLoad& load) {
                return image_.entry >= load.vaddr && image_.entry - load.vaddr < load.mem_size;
            });
        if (!entry_inside) {
            return bad("its entry lies in no segment");
        }
        return std::move(image_);
    }

    const ByteSource& file_;
    const std::string& name_;
    Elf64_Ehdr header_{};
    std::vector<Elf64_Phdr> segments_;
    ElfImage image_;
};

} // namespace

ihk::Result<ElfImage> parse_elf(const ByteSource& file, const std::string& name)
{
    return Parser(file, name).parse();
}

} // namespace still::mcexec
