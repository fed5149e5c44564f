// SPDX-License-Identifier: BSD-2-Clause
// From ELF images and their places to the segments that the LWK builds. Pure.
#pragma once

#include "elf_image.hpp"
#include "layout.hpp"

#include <stillcore/process.h>

#include <vector>

namespace still::mcexec {

struct ExecPlan {
    std::vector<still_segment> segments; // ascending, disjoint
    // Bytes to clear through the mapping: what of the file follows .data in its last page.
    std::vector<still_range> clear;
};

// Adds one image. file: its handle, see STILL_IOC_MAP_FILE.
void add_image(ExecPlan& plan, const ElfImage& image, uint64_t bias, int32_t file);
void add_stack(ExecPlan& plan, uint64_t start, uint64_t top, bool executable);
void add_vdso(ExecPlan& plan, uint64_t address, uint64_t size);

// Sorts, and checks what the LWK will demand.
[[nodiscard]] ihk::Result<> finish_plan(ExecPlan& plan, const std::vector<still_range>& app);

} // namespace still::mcexec
