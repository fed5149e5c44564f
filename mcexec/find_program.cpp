// SPDX-License-Identifier: BSD-2-Clause
#include "find_program.hpp"

#include "script.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace still::mcexec {

namespace {

bool means_not_here(int number)
{
    return number == ENOENT || number == ENOTDIR || number == ESTALE || number == ENODEV ||
           number == ETIMEDOUT;
}

// Would execve() of this path be allowed? 0 or an errno.
int executable(const std::string& path)
{
    struct stat info{};
    if (stat(path.c_str(), &info) != 0) {
        return errno;
    }
    struct statvfs mount{};
    if (!S_ISREG(info.st_mode) || (statvfs(path.c_str(), &mount) == 0 && (mount.f_flag & ST_NOEXEC) != 0)) {
        return EACCES;
    }
    return faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

ihk::Result<std::string> search_path(const std::string& name)
{
    if (name.empty()) {
        return ihk::fail(ENOENT, "'': command not found");
    }
    if (name.find('/') != std::string::npos) {
        return name;
    }
    const char* variable = getenv("PATH");
    std::string_view rest = variable != nullptr ? variable : "/bin:/usr/bin";
    bool denied = false;
    for (bool more = true; more;) {
        const size_t colon = rest.find(':');
        more = colon != std::string_view::npos;
        const std::string_view folder = rest.substr(0, colon);
        rest.remove_prefix(more ? colon + 1 : rest.size());
        std::string path = folder.empty() ? name : fmt::format("{}/{}", folder, name);
        const int number = executable(path);
        if (number == 0) {
            return path;
        }
        denied = denied || number == EACCES;
        if (!means_not_here(number) && number != EACCES) {
            return ihk::fail(number, fmt::format("{}: {}", path, strerror(number)));
        }
    }
    return denied ? ihk::fail(EACCES, fmt::format("{}: Permission denied", name))
                  : ihk::fail(ENOENT, fmt::format("{}: command not found", name));
}

// What execvp() gives to a shell: a file that is no program, and looks like text.
bool looks_like_text(std::string_view head)
{
    const std::string_view line = head.substr(0, head.find('\n'));
    return !head.starts_with("\x7f"
                             "ELF") &&
           line.find('\0') == std::string_view::npos;
}

} // namespace

FileSource::FileSource(int fd) : fd_(fd)
{
    struct stat info{};
    if (fstat(fd, &info) == 0) {
        size_ = static_cast<uint64_t>(info.st_size);
    }
}

bool FileSource::read(uint64_t offset, std::span<std::byte> into) const
{
    if (offset > INT64_MAX) {
        return false;
    }
    while (!into.empty()) {
        const ssize_t got = pread(fd_, into.data(), into.size(), static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        into = into.subspan(static_cast<size_t>(got));
        offset += static_cast<uint64_t>(got);
    }
    return true;
}

ihk::Result<ihk::FileHandle> open_executable(const std::string& path, const std::string& shown)
{
    if (const int number = executable(path); number != 0) {
        return ihk::fail(number, fmt::format("{}: {}", shown, strerror(number)));
    }
    ihk::FileHandle file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) {
        const int number = errno;
        return ihk::fail(number, fmt::format("{}: {}", shown, strerror(number)),
                         number == EACCES ? "the LWK must be able to read a program to run it" : "");
    }
    return file;
}

namespace {

enum class TextFiles { refused, given_to_a_shell };

ihk::Result<Program> resolve(const std::string& path, const std::string& name, std::vector<std::string> argv,
                             TextFiles text_files)
{
    Program program;
    program.execfn = path;
    program.path = path;
    std::string shown = name;
    for (int depth = 0;; ++depth) {
        if (depth > script_depth_limit) {
            return ihk::fail(ELOOP, fmt::format("{}: too many #! interpreters, one for the other", name));
        }
        auto file = open_executable(program.path, shown);
        if (!file) {
            return std::unexpected(file.error());
        }
        std::string head(script_head_bytes, '\0');
        const ssize_t got = pread(file->get(), head.data(), head.size(), 0);
        head.resize(got > 0 ? static_cast<size_t>(got) : 0);
        auto script = parse_script_line(head);
        if (!script && head.starts_with("#!")) {
            return ihk::fail(ENOEXEC, fmt::format("{}: its #! line names no interpreter", shown));
        }
        if (!script && text_files == TextFiles::given_to_a_shell && looks_like_text(head)) {
            script = ScriptLine{"/bin/sh", std::nullopt};
        }
        if (!script) {
            program.file = std::move(*file);
            program.argv = std::move(argv);
            return program;
        }
        std::vector<std::string> longer{script->interpreter};
        if (script->argument) {
            longer.push_back(*script->argument);
        }
        longer.push_back(program.path);
        longer.insert(longer.end(), argv.empty() ? argv.end() : argv.begin() + 1, argv.end());
        argv = std::move(longer);
        shown = fmt::format("{}: interpreter {}", program.path, script->interpreter);
        program.path = script->interpreter;
    }
}

} // namespace

ihk::Result<Program> find_program(const std::string& name, std::vector<std::string> argv)
{
    const auto path = search_path(name);
    if (!path) {
        return std::unexpected(path.error());
    }
    return resolve(*path, name, std::move(argv), TextFiles::given_to_a_shell);
}

ihk::Result<Program> open_program(const std::string& path, std::vector<std::string> argv)
{
    return resolve(path, path, std::move(argv), TextFiles::refused);
}

ihk::Result<> check_program(const Program& program)
{
    const auto elf = parse_elf(FileSource(program.file.get()), program.path);
    if (!elf) {
        return std::unexpected(elf.error());
    }
    if (!elf->interpreter) {
        return {};
    }
    const auto file = open_executable(*elf->interpreter, program.path + ": interpreter " + *elf->interpreter);
    if (!file) {
        return std::unexpected(file.error());
    }
    const auto interpreter = parse_elf(FileSource(file->get()), *elf->interpreter);
    return interpreter ? ihk::Result<>{} : std::unexpected(interpreter.error());
}

int exit_status_of(const ihk::Error& error)
{
    return means_not_here(error.number) ? 127 : 126;
}

} // namespace still::mcexec
