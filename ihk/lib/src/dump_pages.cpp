// SPDX-License-Identifier: BSD-2-Clause
#include "dump_pages.hpp"

#include <stillcore/dump.h>

#include <algorithm>
#include <cerrno>

namespace still::ihk {

namespace {

constexpr uint64_t page = STILL_PAGE_SIZE;

std::unexpected<Error> damaged()
{
    return fail(EIO, "dump: the LWK's map of its pages is damaged", "--level full does without it");
}

bool inside(const DumpSource& source, uint64_t phys, uint64_t bytes)
{
    return std::any_of(source.pieces.begin(), source.pieces.end(), [&](const still_dump_piece& p) {
        return phys >= p.phys && phys - p.phys < p.bytes && bytes <= p.bytes - (phys - p.phys);
    });
}

Result<PageChoice::Zone> read_zone(Instance& os, const still_page_map& map, const still_page_zone& zone)
{
    PageChoice::Zone result{zone.start, std::vector<bool>(zone.pages)};
    const uint64_t per_read = (1 << 20) / map.record_bytes;
    std::vector<std::byte> records(per_read * map.record_bytes);
    for (uint64_t first = 0; first < zone.pages; first += per_read) {
        const uint64_t count = std::min(per_read, zone.pages - first);
        const std::span part(records.data(), count * map.record_bytes);
        if (auto done = os.dump_read(zone.records + first * map.record_bytes, part); !done) {
            return std::unexpected(done.error());
        }
        for (uint64_t i = 0; i < count; ++i) {
            const auto state = static_cast<uint32_t>(part[i * map.record_bytes + map.state_offset]);
            result.kernel[first + i] = state == map.kernel_state;
        }
    }
    return result;
}

} // namespace

Result<std::unique_ptr<still_shared>> read_shared(Instance& os, const DumpSource& source)
{
    auto shared = std::make_unique<still_shared>();
    for (const still_dump_piece& piece : source.pieces) {
        if (piece.kind != STILL_DUMP_SHARED) {
            continue;
        }
        if (auto done = os.dump_read(piece.phys, std::as_writable_bytes(std::span(shared.get(), 1))); !done) {
            return std::unexpected(done.error());
        }
        return shared;
    }
    return fail(EIO, "dump: the module names no shared area");
}

Result<PageChoice> PageChoice::kernel_only(Instance& os, const DumpSource& source, uint64_t at)
{
    auto map = std::make_unique<still_page_map>();
    if (!inside(source, at, sizeof *map)) {
        return damaged();
    }
    if (auto done = os.dump_read(at, std::as_writable_bytes(std::span(map.get(), 1))); !done) {
        return std::unexpected(done.error());
    }
    if (map->magic != STILL_MAGIC || map->num_zones > STILL_MAX_RANGES || map->record_bytes == 0 ||
        map->record_bytes > page || map->state_offset >= map->record_bytes) {
        return damaged();
    }
    std::vector<Zone> zones;
    for (uint32_t i = 0; i < map->num_zones; ++i) {
        const still_page_zone& zone = map->zones[i];
        // A part of the zone may have gone from the instance.
        if (zone.pages > (1ull << 40) / page ||
            !inside(source, zone.records, zone.pages * map->record_bytes)) {
            return damaged();
        }
        auto read = read_zone(os, *map, zone);
        if (!read) {
            return std::unexpected(read.error());
        }
        zones.push_back(std::move(*read));
    }
    std::sort(zones.begin(), zones.end(), [](const Zone& a, const Zone& b) { return a.start < b.start; });
    return PageChoice(std::move(zones));
}

bool PageChoice::takes(uint64_t phys) const
{
    auto zone = std::upper_bound(zones_.begin(), zones_.end(), phys,
                                 [](uint64_t a, const Zone& z) { return a < z.start; });
    if (zone == zones_.begin()) {
        return true;
    }
    --zone;
    const uint64_t index = (phys - zone->start) / page;
    return index >= zone->kernel.size() || zone->kernel[index];
}

uint64_t PageChoice::left_out(uint64_t phys, uint64_t limit) const
{
    uint64_t bytes = 0;
    while (bytes < limit && !takes(phys + bytes)) {
        bytes += page;
    }
    return bytes;
}

uint64_t PageChoice::wanted(uint64_t phys, uint64_t limit) const
{
    uint64_t bytes = 0;
    while (bytes < limit && takes(phys + bytes)) {
        bytes += page;
    }
    return bytes;
}

} // namespace still::ihk
