// SPDX-License-Identifier: BSD-2-Clause
// The ELF parser: the only one for user programs. It trusts nothing that it reads. Pure.
#pragma once

#include "ihk/error.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace still::mcexec {

inline constexpr uint64_t page_size = 4096;
inline constexpr uint64_t user_end = 0x7ffffffff000; // Linux's TASK_SIZE with 4-level tables

constexpr uint64_t page_down(uint64_t value)
{
    return value & ~(page_size - 1);
}
constexpr uint64_t page_up(uint64_t value)
{
    return (value + page_size - 1) & ~(page_size - 1);
}

class ByteSource {
  public:
    virtual ~ByteSource() = default;
    [[nodiscard]] virtual uint64_t size() const = 0;
    // All of it, or false.
    [[nodiscard]] virtual bool read(uint64_t offset, std::span<std::byte> into) const = 0;
};

struct ElfLoad {
    uint64_t vaddr;
    uint64_t mem_size;
    uint64_t file_size; // at most mem_size
    uint64_t offset;    // same offset in its page as vaddr
    uint32_t prot;      // PROT_*
};

struct ElfImage {
    bool position_independent = false;
    bool executable_stack = false;
    uint64_t entry = 0;
    uint64_t phdr_vaddr = 0; // 0: not in memory
    uint16_t phnum = 0;
    uint64_t low = 0;  // page of the lowest byte
    uint64_t high = 0; // page behind the highest
    uint64_t align = page_size;
    std::vector<ElfLoad> loads; // ascending, disjoint
    std::optional<std::string> interpreter;
};

// name is used in messages only.
[[nodiscard]] ihk::Result<ElfImage> parse_elf(const ByteSource& file, const std::string& name);

} // namespace still::mcexec
