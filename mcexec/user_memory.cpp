// SPDX-License-Identifier: BSD-2-Clause
#include "user_memory.hpp"

#include "elf_image.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/uio.h>
#include <unistd.h>

namespace still::mcexec {

namespace {

constexpr size_t longest_string = 128 * 1024; // Linux's MAX_ARG_STRLEN
constexpr size_t most_strings = 1u << 20;

} // namespace

// SAFETY of both: the addresses are given to the kernel only, which checks them.
bool read_program(uint64_t address, void* into, size_t bytes)
{
    const iovec here{into, bytes};
    const iovec there{reinterpret_cast<void*>(address), bytes};
    return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == static_cast<ssize_t>(bytes);
}

bool write_program(uint64_t address, const void* from, size_t bytes)
{
    const iovec here{const_cast<void*>(from), bytes};
    const iovec there{reinterpret_cast<void*>(address), bytes};
    return process_vm_writev(getpid(), &here, 1, &there, 1, 0) == static_cast<ssize_t>(bytes);
}

std::expected<std::string, int> read_program_string(uint64_t address, size_t limit)
{
    std::string text;
    char piece[page_size];
    while (text.size() <= limit) {
        // Never across a page's end: the next page may not be there, nor needed.
        const size_t bytes = page_size - address % page_size;
        if (!read_program(address, piece, bytes)) {
            return std::unexpected(EFAULT);
        }
        const size_t length = strnlen(piece, bytes);
        text.append(piece, length);
        if (length < bytes && text.size() <= limit) {
            return text;
        }
        address += bytes;
    }
    return std::unexpected(E2BIG);
}

std::expected<std::vector<std::string>, int> read_program_strings(uint64_t address)
{
    std::vector<std::string> strings;
    if (address == 0) {
        return strings;
    }
    for (; strings.size() < most_strings; address += sizeof(uint64_t)) {
        uint64_t pointer = 0;
        if (!read_program(address, &pointer, sizeof pointer)) {
            return std::unexpected(EFAULT);
        }
        if (pointer == 0) {
            return strings;
        }
        auto text = read_program_string(pointer, longest_string);
        if (!text) {
            return std::unexpected(text.error());
        }
        strings.push_back(std::move(*text));
    }
    return std::unexpected(E2BIG);
}

} // namespace still::mcexec
