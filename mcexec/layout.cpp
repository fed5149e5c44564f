// SPDX-License-Identifier: BSD-2-Clause
#include "layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

namespace still::mcexec {

namespace {

constexpr uint64_t gib = 1ull << 30;
constexpr uint64_t room_for_mcexec = 64 * gib;
constexpr uint64_t lowest_sane_end = 0x600000000000;
constexpr still_range pie_window = {0x558000000000, 0x568000000000};
// What is at the same address in all members of a group can be found by it.
constexpr still_range smartmap_pie_window = {16 * gib, 32 * gib};
constexpr uint64_t largest_smartmap_stack = 64 * gib;
// Room that is left for the stack to grow into: the least as on Linux, the most for `ulimit -s unlimited`.
constexpr uint64_t least_stack = 128ull << 20;
constexpr uint64_t largest_stack = 1024 * gib;
constexpr uint64_t stack_at_start = 128ull << 10; // below the arguments, likewise
constexpr uint64_t guard_gap = 1ull << 20;

// Linux's own amounts of randomness: brk 32 MiB, stack 16 GiB, mmap 2^28 pages.
constexpr uint64_t brk_random = 32ull << 20;
constexpr uint64_t stack_random = 16 * gib;
constexpr uint64_t mmap_random = 1024 * gib;
constexpr uint64_t vdso_window = gib;

bool next_mapping(std::string_view& maps, still_range& mapping)
{
    const size_t end = maps.find('\n');
    const std::string_view line = maps.substr(0, end);
    maps.remove_prefix(end == std::string_view::npos ? maps.size() : end + 1);
    const char* last = line.data() + line.size();
    const auto start = std::from_chars(line.data(), last, mapping.start, 16);
    if (start.ec != std::errc{} || start.ptr == last || *start.ptr != '-') {
        return false;
    }
    return std::from_chars(start.ptr + 1, last, mapping.end, 16).ec == std::errc{} &&
           mapping.end > mapping.start;
}

bool inside(const still_range& outer, uint64_t start, uint64_t end)
{
    return start >= outer.start && end <= outer.end && start < end;
}

bool inside_any(const std::vector<still_range>& ranges, uint64_t start, uint64_t end)
{
    return std::any_of(ranges.begin(), ranges.end(),
                       [&](const still_range& r) { return inside(r, start, end); });
}

uint64_t align_down(uint64_t value, uint64_t align)
{
    return value & ~(align - 1);
}

} // namespace

ihk::Result<std::vector<still_range>> find_app_ranges(std::string_view maps)
{
    uint64_t lowest = user_end;
    while (!maps.empty()) {
        still_range mapping{};
        if (!next_mapping(maps, mapping)) {
            return ihk::fail(EINVAL, "/proc/self/maps is not understood");
        }
        if (!inside(own_hole, mapping.start, mapping.end)) {
            lowest = std::min(lowest, mapping.start);
        }
    }
    if (lowest < lowest_sane_end + room_for_mcexec) {
        return ihk::fail(
            EINVAL, fmt::format("mcexec itself was put at {:#x}, among the program's addresses", lowest),
            "Linux lays out memory bottom-up here: vm.legacy_va_layout must be 0, and no 'setarch -L'");
    }
    return std::vector<still_range>{{app_start, own_hole.start},
                                    {own_hole.end, align_down(lowest - room_for_mcexec, gib)}};
}

namespace {

// The parts of the range that lie among the program's addresses.
std::vector<still_range> parts_of(const std::vector<still_range>& app, still_range range)
{
    std::vector<still_range> parts;
    for (const still_range& own : app) {
        const still_range part{std::max(own.start, range.start), std::min(own.end, range.end)};
        if (part.start < part.end) {
            parts.push_back(part);
        }
    }
    return parts;
}

constexpr uint64_t slot_start(uint64_t rank)
{
    return (rank + 1) << STILL_PEERS_SHIFT;
}

uint64_t most_ranks(uint32_t size)
{
    return size == 0 ? STILL_PEERS_TWICE : size;
}

} // namespace

std::vector<still_range> find_slots(const std::vector<still_range>& app, uint32_t size)
{
    return parts_of(app, {slot_start(0), slot_start(most_ranks(size))});
}

std::vector<still_range> find_read_only_slots(const std::vector<still_range>& app, uint32_t size)
{
    if (size > STILL_PEERS_TWICE) {
        return {};
    }
    return parts_of(
        app, {slot_start(STILL_PEERS_READ_ONLY), slot_start(STILL_PEERS_READ_ONLY + most_ranks(size))});
}

std::vector<still_range> gaps_within(std::string_view maps, still_range range)
{
    std::vector<still_range> gaps;
    still_range mapping{};
    while (range.start < range.end && !maps.empty() && next_mapping(maps, mapping)) {
        if (mapping.end <= range.start) {
            continue;
        }
        if (mapping.start > range.start) {
            gaps.push_back({range.start, std::min(mapping.start, range.end)});
        }
        range.start = mapping.end;
    }
    if (range.start < range.end) {
        gaps.push_back(range);
    }
    return gaps;
}

bool ranges_are_free(std::string_view maps, const std::vector<still_range>& ranges)
{
    while (!maps.empty()) {
        still_range mapping{};
        if (!next_mapping(maps, mapping)) {
            return false;
        }
        for (const still_range& range : ranges) {
            if (mapping.start < range.end && range.start < mapping.end) {
                return false;
            }
        }
    }
    return true;
}

uint64_t mapped_stack(const Placement& place, uint64_t stack_pointer)
{
    return std::max(place.stack_start, page_down(stack_pointer - stack_at_start));
}

ihk::Result<Placement> place(const PlacementRequest& request, const Random& random)
{
    const auto pages = [&](uint64_t bytes) { return random(bytes / page_size) * page_size; };
    const still_range& upper = request.app.back();
    const uint64_t stack_room = request.smartmap ? largest_smartmap_stack : largest_stack;
    const still_range& window = request.smartmap ? smartmap_pie_window : pie_window;
    Placement p;

    p.stack_top = upper.end - 2 * vdso_window - pages(stack_random);
    p.stack_start =
        p.stack_top - std::clamp(page_up(std::min(request.stack_limit, stack_room)), least_stack, stack_room);
    p.vdso = p.stack_top + page_size + pages(vdso_window - page_size);
    p.mmap_top = p.stack_start - guard_gap - pages(mmap_random);

    const ElfImage& main = request.main;
    if (main.position_independent) {
        const uint64_t size = main.high - main.low;
        if (size > window.end - window.start) {
            return ihk::fail(ENOMEM, "the program is larger than the room for it");
        }
        const uint64_t base = align_down(window.start + pages(window.end - window.start - size), main.align);
        p.main_bias = std::max(base, window.start) - main.low;
    }
    const uint64_t main_low = main.low + p.main_bias;
    const uint64_t main_high = main.high + p.main_bias;
    if (!inside_any(request.app, main_low, main_high)) {
        return ihk::fail(ENOEXEC,
                         fmt::format("the program is linked to {:#x}-{:#x}, which is not free for programs",
                                     main_low, main_high));
    }
    if (p.mmap_top - 16 * gib < main_high) {
        return ihk::fail(ENOEXEC, fmt::format("the program is linked to {:#x}-{:#x}, where its stack must go",
                                              main_low, main_high));
    }
    // The heap must have room in the program's own range, or it starts at the next one.
    p.brk_start = page_up(main_high) + pages(brk_random);
    if (!inside_any(request.app, main_low, p.brk_start + page_size)) {
        p.brk_start = page_up(main_high);
    }
    if (const ElfImage* interpreter = request.interpreter; interpreter != nullptr) {
        const uint64_t size = interpreter->high - interpreter->low;
        if (!interpreter->position_independent) {
            return ihk::fail(ENOEXEC, "the program's interpreter is linked to a fixed address");
        }
        if (size > 16 * gib - 2 * gib) {
            return ihk::fail(ENOMEM, "the program's interpreter is larger than the room for it");
        }
        p.interpreter_bias = align_down(p.mmap_top - size, interpreter->align) - interpreter->low;
    }
    return p;
}

} // namespace still::mcexec
