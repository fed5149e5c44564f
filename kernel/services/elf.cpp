// SPDX-License-Identifier: BSD-2-Clause
#include <base/prot.hpp>
#include <services/elf.hpp>

namespace still::services {

namespace {

struct ElfHeader {
    u8 ident[16];
    u16 type, machine;
    u32 version;
    u64 entry, program_headers, section_headers;
    u32 flags;
    u16 header_bytes, program_header_bytes, num_program_headers, section_header_bytes, num_section_headers,
        names;
};
static_assert(sizeof(ElfHeader) == 64);

struct ProgramHeader {
    u32 type, flags;
    u64 offset, address, physical, file_bytes, memory_bytes, align;
};
static_assert(sizeof(ProgramHeader) == 56);

constexpr u16 type_executable = 2, type_shared = 3, machine_x86_64 = 62;
constexpr u32 header_load = 1, header_interpreter = 3, header_stack = 0x6474e551;
constexpr u32 flag_execute = 1, flag_write = 2, flag_read = 4;
constexpr u64 max_align = 1ull << 30;
constexpr u64 max_path = 4096;

class Parser {
  public:
    Parser(const ElfSource& file, ElfImage& image, const char** why) : file_(file), image_(image), why_(why)
    {
    }

    Status parse()
    {
        TRY_STATUS(read_header());
        for (u32 i = 0; i < header_.num_program_headers; ++i) {
            ProgramHeader segment;
            if (!get(header_.program_headers + i * sizeof(segment), &segment, sizeof(segment)))
                return bad("it is truncated (program headers)");
            TRY_STATUS(take(segment));
        }
        return finish();
    }

  private:
    Status bad(const char* why)
    {
        *why_ = why;
        return fail(Errno::noexec);
    }

    [[nodiscard]] bool get(u64 offset, void* to, u64 bytes) const
    {
        return offset <= file_.size && bytes <= file_.size - offset &&
               file_.read(file_.context, offset, to, bytes);
    }

    Status read_header()
    {
        constexpr u8 magic[] = {0x7f, 'E', 'L', 'F', 2, 1}; // 64 bits, little endian
        if (!get(0, &header_, sizeof(header_)) || __builtin_memcmp(header_.ident, magic, sizeof(magic)) != 0)
            return bad("not a 64-bit ELF file");
        if (header_.machine != machine_x86_64)
            return bad("not an x86_64 program");
        if (header_.type != type_executable && header_.type != type_shared)
            return bad("not a program");
        const u64 bytes = u64{header_.num_program_headers} * sizeof(ProgramHeader);
        if (header_.program_header_bytes != sizeof(ProgramHeader) || bytes == 0 || bytes > 65536 ||
            header_.program_headers > file_.size)
            return bad("its program headers are malformed");
        image_ = {};
        image_.position_independent = header_.type == type_shared;
        image_.entry = header_.entry;
        image_.num_headers = header_.num_program_headers;
        return {};
    }

    Status take(const ProgramHeader& segment)
    {
        switch (segment.type) {
        case header_load:
            return take_load(segment);
        case header_interpreter:
            if (image_.interpreter_bytes != 0)
                return {}; // as Linux: the first one counts
            if (segment.file_bytes < 2 || segment.file_bytes > max_path || segment.offset > file_.size ||
                segment.file_bytes > file_.size - segment.offset)
                return bad("the name of its interpreter is malformed");
            image_.interpreter_offset = segment.offset;
            image_.interpreter_bytes = segment.file_bytes;
            return {};
        case header_stack:
            image_.executable_stack = (segment.flags & flag_execute) != 0;
            return {};
        default:
            return {};
        }
    }

    Status take_load(const ProgramHeader& s)
    {
        u64 end = 0;
        u64 file_end = 0;
        if (s.memory_bytes == 0)
            return {};
        if (s.file_bytes > s.memory_bytes || __builtin_add_overflow(s.address, s.memory_bytes, &end) ||
            end > elf_user_end || __builtin_add_overflow(s.offset, s.file_bytes, &file_end))
            return bad("a segment lies outside of the address space");
        if (s.file_bytes != 0 && file_end > file_.size)
            return bad("it is truncated (segments)");
        if (s.file_bytes != 0 && (s.address - s.offset) % page_size != 0)
            return bad("a segment is not aligned to its place in the file");
        if (s.align > 1 && (s.align & (s.align - 1)) == 0)
            image_.align = max(image_.align, min(s.align, max_align));
        if (image_.num_loads != 0) {
            const ElfLoad& previous = image_.loads[image_.num_loads - 1];
            if (s.address < previous.address + previous.memory_bytes)
                return bad("its segments overlap or do not ascend");
        }
        if (image_.num_loads == ElfImage::max_loads)
            return bad("it has too many segments to load");
        u32 prot = (s.flags & flag_read) != 0 ? prot_read : 0;
        prot |= (s.flags & flag_write) != 0 ? prot_write : 0;
        prot |= (s.flags & flag_execute) != 0 ? prot_exec : 0;
        image_.loads[image_.num_loads++] = {s.address, s.memory_bytes, s.file_bytes, s.offset, prot};
        const u64 headers = header_.program_headers;
        if (headers >= s.offset &&
            headers + u64{header_.num_program_headers} * sizeof(ProgramHeader) <= file_end)
            image_.headers = headers - s.offset + s.address;
        return {};
    }

    Status finish()
    {
        if (image_.num_loads == 0)
            return bad("it has nothing to load");
        const ElfLoad& last = image_.loads[image_.num_loads - 1];
        image_.low = image_.loads[0].address & ~(page_size - 1);
        image_.high = (last.address + last.memory_bytes + page_size - 1) & ~(page_size - 1);
        for (u32 i = 0; i < image_.num_loads; ++i) {
            const ElfLoad& load = image_.loads[i];
            if (image_.entry >= load.address && image_.entry - load.address < load.memory_bytes)
                return {};
        }
        return bad("its entry lies in no segment");
    }

    const ElfSource& file_;
    ElfImage& image_;
    const char** why_;
    ElfHeader header_{};
};

} // namespace

Status parse_elf(const ElfSource& file, ElfImage& image, const char** why)
{
    return Parser(file, image, why).parse();
}

} // namespace still::services
