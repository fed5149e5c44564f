// SPDX-License-Identifier: BSD-2-Clause
// Who lies where in the one address space that mcexec and the application share. Pure.
//
//   64 KiB .. hole       application (programs linked to fixed addresses)
//   the hole             mcexec, which is linked to its start (CMakeLists.txt), and its brk heap
//   hole .. end          application: PIE programs, heap, mmap, interpreter, stack, vDSO
//   end .. +64 GiB       what mcexec maps later (thread stacks)
//   above                mcexec's stack, what it maps, and its vDSO
#pragma once

#include "elf_image.hpp"
#include "ihk/error.hpp"

#include <stillcore/peers.h>
#include <stillcore/process.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace still::mcexec {

inline constexpr still_range own_hole = {0x555000000000, 0x557000000000};
inline constexpr uint64_t app_start = 0x10000;

// From the text of /proc/self/maps: the two application ranges.
[[nodiscard]] ihk::Result<std::vector<still_range>> find_app_ranges(std::string_view maps);
// SMARTMAP: where the peers of a group are seen, of those that may be size (0: as many as there can be), if app are the
// ranges of a program that is of no group. That of a member is smartmap_range.
inline constexpr still_range smartmap_range = {app_start, STILL_PEERS_END};
[[nodiscard]] std::vector<still_range> find_slots(const std::vector<still_range>& app, uint32_t size);
// Those in which they are seen for reading only.
[[nodiscard]] std::vector<still_range> find_read_only_slots(const std::vector<still_range>& app,
                                                            uint32_t size);
// The parts of the range that no mapping covers, ascending.
[[nodiscard]] std::vector<still_range> gaps_within(std::string_view maps, still_range range);
// Nothing of mcexec's own lies in them; to be asked again before the pseudo file covers them.
[[nodiscard]] bool ranges_are_free(std::string_view maps, const std::vector<still_range>& ranges);

// A random number below bound; always 0 when address space randomisation is off.
using Random = std::function<uint64_t(uint64_t bound)>;

struct Placement {
    uint64_t main_bias = 0; // added to the program's addresses
    uint64_t interpreter_bias = 0;
    uint64_t brk_start = 0;
    uint64_t mmap_top = 0;
    uint64_t stack_start = 0; // as far down it may grow
    uint64_t stack_top = 0;
    uint64_t vdso = 0;
};

struct PlacementRequest {
    const std::vector<still_range>& app;
    const ElfImage& main;
    const ElfImage* interpreter; // or nullptr
    uint64_t stack_limit;        // RLIMIT_STACK's soft limit
    uint64_t vdso_size;          // 0: none
    bool smartmap = false;
};

// Where the stack begins to be mapped when the program starts; a fault below extends it, up to its limit.
[[nodiscard]] uint64_t mapped_stack(const Placement& place, uint64_t stack_pointer);

[[nodiscard]] ihk::Result<Placement> place(const PlacementRequest& request, const Random& random);

} // namespace still::mcexec
