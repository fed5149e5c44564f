// SPDX-License-Identifier: BSD-2-Clause
// From the name on the command line to an open ELF file, as execvp() and the kernel's #! rules do it.
#pragma once

#include "elf_image.hpp"
#include "ihk/device.hpp"
#include "ihk/error.hpp"

#include <string>
#include <vector>

namespace still::mcexec {

class FileSource final : public ByteSource {
  public:
    explicit FileSource(int fd);
    [[nodiscard]] uint64_t size() const override { return size_; }
    [[nodiscard]] bool read(uint64_t offset, std::span<std::byte> into) const override;

  private:
    int fd_;
    uint64_t size_ = 0;
};

struct Program {
    ihk::FileHandle file;
    std::string path;   // of the ELF file
    std::string execfn; // of the first file: a script's own path
    std::vector<std::string> argv;
};

// On failure the error's number says which exit status fits: exit_status_of().
[[nodiscard]] ihk::Result<Program> find_program(const std::string& name, std::vector<std::string> argv);
// As execve(): no search, and no shell for what is neither ELF nor #!.
[[nodiscard]] ihk::Result<Program> open_program(const std::string& path, std::vector<std::string> argv);
// Everything about the program that can be wrong, its interpreter included.
[[nodiscard]] ihk::Result<> check_program(const Program& program);

// An executable file, open for reading. shown is its name in messages.
[[nodiscard]] ihk::Result<ihk::FileHandle> open_executable(const std::string& path, const std::string& shown);

// 127: not found, 126: found but cannot be executed; as shells say it.
[[nodiscard]] int exit_status_of(const ihk::Error& error);

} // namespace still::mcexec
