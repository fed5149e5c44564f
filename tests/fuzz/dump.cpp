// SPDX-License-Identifier: BSD-2-Clause
// What a dump reads of an instance that may have written anything into its own map of pages: no access is out of
// bounds, and what is taken and what is left out make up the whole.
#include "dump_pages.hpp"

#include "fuzz.hpp"

#include <stillcore/dump.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace {

std::span<const uint8_t> memory; // of the instance, from address 0

constexpr uint64_t instance_bytes = 64 << 10;

} // namespace

namespace still::ihk {

FileHandle::~FileHandle() = default;

// In the place of the module's: only what belongs to the instance can be read; behind the input all is zero.
Result<> Instance::dump_read(uint64_t phys, std::span<std::byte> to)
{
    if (phys > instance_bytes || to.size() > instance_bytes - phys) {
        return fail(EINVAL, "not the instance's");
    }
    std::ranges::fill(to, std::byte{0});
    if (phys < memory.size()) {
        std::memcpy(to.data(), memory.data() + phys, std::min(to.size(), memory.size() - phys));
    }
    return {};
}

} // namespace still::ihk

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    using namespace still::ihk;
    std::vector<uint8_t> bytes(data, data + size);
    if (size >= 8 && size % 2 != 0) { // else nearly none would get beyond the magic
        const uint64_t magic = STILL_MAGIC;
        std::memcpy(bytes.data(), &magic, sizeof magic);
    }
    memory = bytes;
    Instance os(FileHandle(-1), 0);
    DumpSource source;
    source.pieces.push_back({0, instance_bytes, STILL_DUMP_MEMORY, 0});
    const auto choice = PageChoice::kernel_only(os, source, 0);
    if (!choice) {
        require(!choice.error().message.empty());
        return 0;
    }
    uint64_t at = 0;
    while (at < instance_bytes) {
        const uint64_t out = choice->left_out(at, instance_bytes - at);
        const uint64_t in = choice->wanted(at, instance_bytes - at);
        require((out == 0) != (in == 0));
        at += out + in;
    }
    return 0;
}
