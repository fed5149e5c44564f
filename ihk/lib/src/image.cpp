// SPDX-License-Identifier: BSD-2-Clause
#include "ihk/image.hpp"
#include "ihk/device.hpp"

#include <stillcore/image.h>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <elf.h>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <unistd.h>

namespace still::ihk {

namespace {

template <typename T> std::optional<T> object_at(std::span<const std::byte> bytes, uint64_t offset)
{
    if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) {
        return std::nullopt;
    }
    T object;
    memcpy(&object, bytes.data() + offset, sizeof(T));
    return object;
}

std::optional<still_image_note> find_note(std::span<const std::byte> notes)
{
    uint64_t at = 0;
    while (const auto header = object_at<Elf64_Nhdr>(notes, at)) {
        const uint64_t name = at + sizeof(Elf64_Nhdr);
        const uint64_t desc = name + ((uint64_t{header->n_namesz} + 3) & ~3ull);
        if (header->n_namesz == sizeof(STILL_NOTE_NAME) && header->n_type == STILL_NOTE_IMAGE &&
            header->n_descsz >= sizeof(still_image_note) && desc <= notes.size() &&
            memcmp(notes.data() + name, STILL_NOTE_NAME, sizeof(STILL_NOTE_NAME)) == 0) {
            return object_at<still_image_note>(notes, desc);
        }
        at = desc + ((uint64_t{header->n_descsz} + 3) & ~3ull);
    }
    return std::nullopt;
}

// Where the last segment ends: what lies behind it, most of all debug information, is not loaded. 0: this is no image.
size_t end_of_segments(std::span<const std::byte> head)
{
    const auto header = object_at<Elf64_Ehdr>(head, 0);
    if (!header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) {
        return 0;
    }
    uint64_t end = 0;
    for (unsigned i = 0; i < header->e_phnum; ++i) {
        const auto segment = object_at<Elf64_Phdr>(head, header->e_phoff + uint64_t{i} * sizeof(Elf64_Phdr));
        uint64_t segment_end = 0;
        if (!segment || __builtin_add_overflow(segment->p_offset, segment->p_filesz, &segment_end)) {
            return 0;
        }
        end = std::max(end, segment_end);
    }
    return end;
}

std::unexpected<Error> cannot_read(const std::string& path, int number)
{
    return fail(number, fmt::format("cannot read image {}: {}", path, strerror(number)),
                "name the image with --image FILE or $STILLCORE_IMAGE");
}

// Until there are that many bytes, or the file ends.
Result<> read_up_to(int fd, size_t wanted, std::vector<std::byte>& bytes, const std::string& path)
{
    size_t have = bytes.size();
    bytes.resize(std::max(have, wanted));
    while (have < wanted) {
        const ssize_t got = read(fd, bytes.data() + have, wanted - have);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return cannot_read(path, errno);
        }
        if (got == 0) {
            break;
        }
        have += static_cast<size_t>(got);
    }
    bytes.resize(have);
    return {};
}

} // namespace

Result<std::string> find_image(const std::string& explicit_path)
{
    namespace fs = std::filesystem;
    std::error_code error;
    if (!explicit_path.empty()) {
        return explicit_path;
    }
    if (const char* env = getenv("STILLCORE_IMAGE"); env != nullptr && *env != '\0') {
        return std::string(env);
    }
    const fs::path self = fs::read_symlink("/proc/self/exe", error);
    const std::string candidates[] = {
        (self.parent_path() / "../kernel/stillcore.elf").lexically_normal().string(),
        "/usr/lib/stillcore/stillcore.elf",
    };
    for (const std::string& path : candidates) {
        if (fs::exists(path, error)) {
            return path;
        }
    }
    return fail(ENOENT, fmt::format("no LWK image at {} or {}", candidates[0], candidates[1]),
                "build it (tools/still build), or name it with --image FILE or $STILLCORE_IMAGE");
}

Result<std::vector<std::byte>> read_image(const std::string& path)
{
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) {
        return fail(EISDIR, fmt::format("image {} is a directory", path));
    }
    const FileHandle file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) {
        return cannot_read(path, errno);
    }
    constexpr size_t head = 4096; // has the program headers
    std::vector<std::byte> bytes;
    if (auto done = read_up_to(file.get(), head, bytes, path); !done) {
        return std::unexpected(done.error());
    }
    const size_t end = end_of_segments(bytes);
    constexpr size_t limit = 256u << 20;
    if (end > limit) {
        return fail(EFBIG, fmt::format("image {} is larger than {} MiB", path, limit >> 20));
    }
    if (auto done = read_up_to(file.get(), end, bytes, path); !done) {
        return std::unexpected(done.error());
    }
    if (end != 0 && end < bytes.size()) {
        bytes.resize(end);
    }
    return bytes;
}

Result<> check_image(std::span<const std::byte> image, const std::string& name)
{
    const char* hint = "it must be the stillcore.elf of this build (tools/still build)";
    const auto header = object_at<Elf64_Ehdr>(image, 0);
    if (!header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_ident[EI_CLASS] != ELFCLASS64 ||
        header->e_machine != EM_X86_64 || header->e_type != ET_EXEC ||
        header->e_phentsize != sizeof(Elf64_Phdr)) {
        return fail(ENOEXEC, fmt::format("{} is not an x86-64 ELF executable", name), hint);
    }
    for (unsigned i = 0; i < header->e_phnum; ++i) {
        const auto segment = object_at<Elf64_Phdr>(image, header->e_phoff + uint64_t{i} * sizeof(Elf64_Phdr));
        if (!segment ||
            (segment->p_type == PT_LOAD &&
             (segment->p_offset > image.size() || segment->p_filesz > image.size() - segment->p_offset))) {
            return fail(ENOEXEC, fmt::format("{} is truncated", name), hint);
        }
    }
    for (unsigned i = 0; i < header->e_phnum; ++i) {
        const auto segment = object_at<Elf64_Phdr>(image, header->e_phoff + uint64_t{i} * sizeof(Elf64_Phdr));
        if (segment->p_type != PT_NOTE || segment->p_offset > image.size() ||
            segment->p_filesz > image.size() - segment->p_offset) {
            continue;
        }
        const auto note = find_note(image.subspan(segment->p_offset, segment->p_filesz));
        if (!note) {
            continue;
        }
        if (note->magic != STILL_MAGIC || note->revision != STILL_REVISION) {
            return fail(ENOEXEC,
                        fmt::format("{} has revision {} of the interface, these tools have {}", name,
                                    note->revision, STILL_REVISION),
                        "rebuild image, module and tools from one source tree (tools/still build)");
        }
        return {};
    }
    return fail(ENOEXEC, fmt::format("{} is not an LWK image: it has no Stillcore note", name), hint);
}

} // namespace still::ihk
