// SPDX-License-Identifier: BSD-2-Clause
// ACPI's tables, as firmware may hand them to an LWK that boots alone: the input is the machine's memory.
// Checksums are made to fit, or no input would come past them.
#include "base/acpi.hpp"

#include "fuzz.hpp"

#include <cstring>
#include <memory>
#include <vector>

namespace {

struct Memory {
    std::vector<uint8_t> bytes;
    // Each read has an allocation of its own, so that a step beyond it is seen.
    std::vector<std::unique_ptr<uint8_t[]>> handed_out;

    void seal(size_t at, size_t checksum, size_t length)
    {
        if (at > bytes.size() || length > bytes.size() - at || checksum >= length)
            return;
        uint8_t sum = 0;
        for (size_t i = 0; i < length; ++i)
            sum = static_cast<uint8_t>(sum + bytes[at + i]);
        bytes[at + checksum] = static_cast<uint8_t>(bytes[at + checksum] - sum);
    }
};

const uint8_t* read(void* context, uint64_t phys, uint64_t size)
{
    auto& memory = *static_cast<Memory*>(context);
    if (phys > memory.bytes.size() || size > memory.bytes.size() - phys)
        return nullptr;
    if (size > 36) // a table that is read as a whole
        memory.seal(phys, 9, size);
    memory.handed_out.push_back(std::make_unique<uint8_t[]>(size));
    std::memcpy(memory.handed_out.back().get(), memory.bytes.data() + phys, size);
    return memory.handed_out.back().get();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    if (size < 64)
        return 0;
    Memory memory{{data, data + size}, {}};
    std::memcpy(memory.bytes.data() + 16, "RSD PTR ", 8);
    memory.seal(16, 8, 20);
    memory.seal(16, 32, 36);
    auto tables = std::make_unique<still::acpi::Tables>();
    still::acpi::read_tables(*tables, {read, &memory}, 16);
    auto block = std::make_unique<still_boot_block>();
    block->num_ranges = data[0] % 8;
    for (uint32_t i = 0; i < block->num_ranges; ++i) {
        uint64_t start = 0;
        uint64_t length = 0;
        std::memcpy(&start, data + size - 8 - i, 8);
        std::memcpy(&length, data + size - 12 - i, 4);
        block->ranges[i] = {start >> 12 << 12, (start >> 12 << 12) + (length << 12), 0, 0};
    }
    still::acpi::fill_block(*block, *tables, 0, 254);
    require(block->num_cpus >= 1 && block->num_cpus <= STILL_MAX_CPUS);
    require(block->num_nodes >= 1 && block->num_nodes <= STILL_MAX_NODES);
    require(block->num_ranges <= STILL_MAX_RANGES);
    uint64_t end = 0;
    for (uint32_t i = 0; i < block->num_ranges; ++i) {
        require(block->ranges[i].start >= end && block->ranges[i].start < block->ranges[i].end);
        require(block->ranges[i].node < block->num_nodes);
        end = block->ranges[i].end;
    }
    for (uint32_t i = 0; i < block->num_cpus; ++i)
        require(block->cpus[i].node < block->num_nodes);
    return 0;
}
