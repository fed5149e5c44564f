// SPDX-License-Identifier: BSD-2-Clause
// The boot block as the LWK checks it, and its command line: what is accepted is what the LWK relies on.
#include "fuzz.hpp"

#include <base/boot_check.hpp>
#include <base/boot_line.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>

namespace {

void try_line(std::string_view text)
{
    const still::BootLine line(text);
    (void)line.has("la57");
    (void)still::size_of(line.value("process-memory"));
    (void)still::number_of(line.value("no-start"));
    line.for_each("env.", [&](std::string_view name, std::string_view) { require(!name.empty()); });
    size_t at = 0;
    for (std::string_view word = still::BootLine::next_word(line.init(), at); !word.empty();
         word = still::BootLine::next_word(line.init(), at)) {
        const auto room = std::make_unique<char[]>(word.size());
        require(still::unquote(word, {room.get(), word.size()}) <= word.size());
    }
}

void require_sound(const still_boot_block& block)
{
    require(block.num_cpus >= 1 && block.num_cpus <= STILL_MAX_CPUS && block.num_nodes <= STILL_MAX_NODES);
    uint64_t last = 0;
    for (uint32_t i = 0; i < block.num_ranges; ++i) {
        const still_boot_range& r = block.ranges[i];
        require(r.start >= last && r.end > r.start && r.end % STILL_PAGE_SIZE == 0 &&
                r.node < block.num_nodes);
        last = r.end;
    }
}

} // namespace

// The input is the block without what few would guess; the line first, so that it needs no long input.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    const auto block = std::make_unique<still_boot_block>();
    std::memset(block.get(), 0, sizeof(*block));
    const size_t line = std::min(size, sizeof(block->cmdline));
    std::memcpy(block->cmdline, data, line);
    auto* const from = reinterpret_cast<uint8_t*>(block.get()); // SAFETY: bytes of it
    const uint8_t* more = data + line;
    size -= line;
    const size_t head = std::min<size_t>(size, offsetof(still_boot_block, image_phys));
    std::memcpy(from, more, head);
    const size_t ranges = std::min(size - head, sizeof(block->ranges));
    std::memcpy(block->ranges, more + head, ranges);
    if (size % 4 != 0) { // else nearly none would get beyond these
        block->magic = STILL_MAGIC;
        block->revision = STILL_REVISION;
        block->size = sizeof(*block);
    }
    if (still::check_boot_block(*block) == nullptr) {
        require_sound(*block);
        require(std::memchr(block->cmdline, 0, sizeof(block->cmdline)) != nullptr);
    }
    block->cmdline[sizeof(block->cmdline) - 1] = '\0';
    try_line(block->cmdline);
    return 0;
}
