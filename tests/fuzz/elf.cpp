// SPDX-License-Identifier: BSD-2-Clause
// A program that somebody else made: what the parser accepts lies in the file and in the program's addresses.
#include <services/elf.hpp>

#include "fuzz.hpp"

#include <cstring>

namespace {

struct Bytes {
    const uint8_t* data;
    size_t size;
};

bool read_bytes(void* context, uint64_t offset, void* to, uint64_t bytes)
{
    const auto& all = *static_cast<const Bytes*>(context);
    require(offset <= all.size && bytes <= all.size - offset);
    memcpy(to, all.data + offset, bytes);
    return true;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    using namespace still::services;
    Bytes bytes{data, size};
    ElfImage image;
    const char* why = "";
    if (!parse_elf({read_bytes, &bytes, size}, image, &why)) {
        return 0;
    }
    require(image.num_loads > 0 && image.num_loads <= ElfImage::max_loads && image.low < image.high);
    uint64_t end = 0;
    for (uint32_t i = 0; i < image.num_loads; ++i) {
        const ElfLoad& load = image.loads[i];
        require(load.address >= end && load.file_bytes <= load.memory_bytes);
        require(load.file_bytes == 0 || load.offset + load.file_bytes <= size);
        end = load.address + load.memory_bytes;
        require(end <= elf_user_end && end <= image.high);
    }
    require(image.interpreter_bytes == 0 || image.interpreter_offset + image.interpreter_bytes <= size);
    return 0;
}
