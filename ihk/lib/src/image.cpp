// SPDX-License-Identifier: BSD-2-Clause
#include "ihk/image.hpp"

#include <stillcore/image.h>

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <elf.h>
#include <filesystem>
#include <fstream>
#include <optional>

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
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        const int number = errno;
        return fail(number, fmt::format("cannot read image {}: {}", path, strerror(number)),
                    "name the image with --image FILE or $STILLCORE_IMAGE");
    }
    constexpr size_t limit = 256u << 20; // with debug information
    std::vector<std::byte> bytes;
    char piece[65536];
    while (file.read(piece, sizeof piece), file.gcount() > 0) {
        const auto* from =
            reinterpret_cast<const std::byte*>(piece); // SAFETY: any object may be seen as bytes
        bytes.insert(bytes.end(), from, from + file.gcount());
        if (bytes.size() > limit) {
            return fail(EFBIG, fmt::format("image {} is larger than {} MiB", path, limit >> 20));
        }
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
