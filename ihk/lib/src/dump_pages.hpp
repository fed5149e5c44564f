// SPDX-License-Identifier: BSD-2-Clause
// Which pages of an instance a dump takes.
#pragma once

#include "ihk/device.hpp"

#include <memory>
#include <vector>

namespace still::ihk {

[[nodiscard]] Result<std::unique_ptr<still_shared>> read_shared(Instance& os, const DumpSource& source);

// All pages, or the kernel's only, as the LWK's page map (stillcore/dump.h) has them.
class PageChoice {
  public:
    PageChoice() = default;
    [[nodiscard]] static Result<PageChoice> kernel_only(Instance& os, const DumpSource& source, uint64_t map);

    // Bytes from phys on, at most limit, that are left out; 0: the page at phys is wanted.
    [[nodiscard]] uint64_t left_out(uint64_t phys, uint64_t limit) const;
    // Likewise that are wanted.
    [[nodiscard]] uint64_t wanted(uint64_t phys, uint64_t limit) const;

    struct Zone {
        uint64_t start;
        std::vector<bool> kernel; // by page
    };
    explicit PageChoice(std::vector<Zone> zones) : zones_(std::move(zones)) {}

  private:
    [[nodiscard]] bool takes(uint64_t phys) const;

    std::vector<Zone> zones_; // ascending; what is in none of them is wanted
};

} // namespace still::ihk
